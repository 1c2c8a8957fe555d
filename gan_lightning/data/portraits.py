"""The layers of pixel portraits: each value of an attribute draws its areas by rule.

``LAYERS`` names the attributes that each layer of a portrait depends on.
"""

from gan_lightning.data.portrait_heads import EYES, HAIR, MOUTHS, brows, head
from gan_lightning.data.portrait_outfits import BACKDROPS, CLOTHES, GLASSES, HATS
from gan_lightning.data.portrait_shapes import (
    BACKGROUNDS,
    CLOTHES_COLORS,
    HAIR_COLORS,
    SIZE,
    SKINS,
    DrawPart,
    Part,
    box,
    shade,
)

COVERED_BY = ("sunglasses", "3d", "visor")  # glasses that hide the eyes
FLATTENED_BY = ("cap", "beanie", "crown", "top hat", "wizard hat")  # hats that no tall hair fits under
TALL_HAIR = ("afro", "mohawk", "bun", "spiky")
# fmt: off
UNLIKE_BACKGROUND = {  # by background: the color of clothes that would hardly stand out
    "sky": "blue", "mint": "green", "peach": "orange", "lilac": "purple",
    "sand": "white", "rose": "red", "night": "charcoal", "teal": "green",
}
# fmt: on


# Layers, the lowest first


def ground(background: str, backdrop: str) -> Part:
    color = BACKGROUNDS[background]
    return [(box(0, 0, SIZE, SIZE), color), *BACKDROPS[backdrop](color)]


def hair_behind(hair: str, hair_color: str) -> Part:
    return HAIR[hair][0](HAIR_COLORS[hair_color])


def neck(skin: str) -> Part:
    return [(box(13, 21, 18, 27), shade(SKINS[skin], 0.82))]


def body(clothes: str, clothes_color: str, skin: str) -> Part:
    part = CLOTHES[clothes](CLOTHES_COLORS[clothes_color])
    return [(area, shade(SKINS[skin], 0.82) if color == "skin" else color) for area, color in part]


def face(skin: str) -> Part:
    return head(SKINS[skin])


def mouth_and_beard(mouth: str, hair_color: str) -> Part:
    return MOUTHS[mouth](HAIR_COLORS[hair_color])


def eyes_and_brows(eyes: str, hair_color: str) -> Part:
    return [*brows(HAIR_COLORS[hair_color]), *EYES[eyes]()]


def hair_above(hair: str, hair_color: str) -> Part:
    return HAIR[hair][1](HAIR_COLORS[hair_color])


def glasses_part(glasses: str) -> Part:
    return GLASSES[glasses]()


def hat_part(hat: str) -> Part:
    return HATS[hat]()


LAYERS: list[DrawPart] = [
    *(ground, hair_behind, neck, body, face, mouth_and_beard, eyes_and_brows),
    *(hair_above, glasses_part, hat_part),
]
VALUES = {
    "background": list(BACKGROUNDS),
    "backdrop": list(BACKDROPS),
    "skin": list(SKINS),
    "hair": list(HAIR),
    "hair_color": list(HAIR_COLORS),
    "clothes": list(CLOTHES),
    "clothes_color": list(CLOTHES_COLORS),
    "mouth": list(MOUTHS),
    "eyes": list(EYES),
    "glasses": list(GLASSES),
    "hat": list(HATS),
}
