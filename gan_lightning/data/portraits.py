"""The parts of pixel portraits of 32×32 RGB: each value of an attribute draws its areas by rule.

A part is a list of areas with a color each, the lowest first. ``LAYERS`` names the attributes that each part of a
portrait depends on.
"""

from collections.abc import Callable

import numpy as np

SIZE = 32  # pixels
ROWS, COLUMNS = np.mgrid[:SIZE, :SIZE].astype(float)
MIDDLE = (SIZE - 1) / 2  # column of the axis of symmetry
BLACK, WHITE, GREY, GOLD = "22202f", "ffffff", "8b93a8", "f9c43d"
LIPS = "a8243a"

# fmt: off
BACKGROUNDS = {
    "sky": "a9d6f5", "mint": "b5ead0", "peach": "ffd3b0", "lilac": "d4c1f4",
    "sand": "efe3c2", "rose": "f9c0cb", "night": "33365e", "teal": "4fa3a5",
}
SKINS = {
    "porcelain": "fbdcc8", "beige": "efbf96", "tan": "d1935f", "brown": "9c6238", "umber": "63391f",
    "green": "8cc152", "blue": "6c9bd9",
}
HAIR_COLORS = {
    "black": "2b2536", "chestnut": "6d3f25", "ginger": "c9602a", "blond": "edc765",
    "silver": "c9ced9", "pink": "ee6fa8", "turquoise": "2fb8ad",
}
CLOTHES_COLORS = {
    "red": "d8434a", "orange": "ef8a35", "yellow": "f2c83f", "green": "4da35a",
    "blue": "3f6fd0", "purple": "7d50b8", "white": "f2f3f7", "charcoal": "3a3c4d",
}
UNLIKE_BACKGROUND = {  # by background: the color of clothes that would hardly stand out
    "sky": "blue", "mint": "green", "peach": "orange", "lilac": "purple",
    "sand": "white", "rose": "red", "night": "charcoal", "teal": "green",
}
# fmt: on
COVERED_BY = ("sunglasses", "3d", "visor")  # glasses that hide the eyes
FLATTENED_BY = ("cap", "beanie", "crown", "top hat", "wizard hat")  # hats that no tall hair fits under
TALL_HAIR = ("afro", "mohawk", "bun", "spiky")

Area = np.ndarray  # (SIZE, SIZE) bool
Part = list[tuple[Area, str]]  # areas with their colors, hexadecimal RGB, the lowest first
DrawPart = Callable[..., Part]


def box(left: float, top: float, right: float, bottom: float) -> Area:
    """Return the area of a rectangle; its borders belong to it."""
    return (left <= COLUMNS) & (right >= COLUMNS) & (top <= ROWS) & (bottom >= ROWS)


def disc(column: float, row: float, width: float, height: float) -> Area:
    """Return the area of an ellipse with the given centre and half axes."""
    return ((COLUMNS - column) / width) ** 2 + ((ROWS - row) / height) ** 2 <= 1


def both(area: Area) -> Area:
    """Return an area together with its mirror image."""
    return area | area[:, ::-1]


def union(*areas: Area) -> Area:
    return np.any(areas, axis=0)


def shade(color: str, factor: float) -> str:
    """Return a color made darker by a factor below 1, or lighter by one above."""
    values = [int(color[i : i + 2], 16) for i in (0, 2, 4)]
    scaled = [v * factor if factor < 1 else 255 - (255 - v) / factor for v in values]
    return "".join(f"{round(v):02x}" for v in scaled)


HEAD = disc(MIDDLE, 15.5, 7.4, 8.4)
FACE = disc(MIDDLE, 16.5, 6.6, 7.6)


def no_part(*colors: str) -> Part:
    return []


# Backdrops, over the background


def sun(color: str) -> Part:
    return [(disc(MIDDLE, 15, 13.5, 13.5), shade(color, 1.3 if color == BACKGROUNDS["night"] else 1.8))]


def stripes(color: str) -> Part:
    return [((ROWS + COLUMNS) % 8 < 4, set_off(color, 0.86))]


def dots(color: str) -> Part:
    return [((ROWS % 6 < 2) & ((COLUMNS + 3 * (ROWS // 6 % 2)) % 6 < 2), set_off(color, 0.78))]


def set_off(color: str, factor: float) -> str:
    """Return a darker color; of the dark background, a lighter one."""
    return shade(color, 1 / factor if color == BACKGROUNDS["night"] else factor)


# Hair behind the head


def long_back(color: str) -> Part:
    return [(disc(MIDDLE, 14.5, 10, 10.5) | box(5.5, 14, 25.5, 28), shade(color, 0.8))]


def bob_back(color: str) -> Part:
    return [(disc(MIDDLE, 14, 9.8, 9.8) | box(6, 14, 25, 21), shade(color, 0.8))]


def afro_back(color: str) -> Part:
    return [(disc(MIDDLE, 11.5, 12.5, 11), color), (disc(MIDDLE - 4, 6, 3, 2), shade(color, 1.25))]


def pigtails_back(color: str) -> Part:
    tails = both(disc(4.5, 18, 3.2, 5.5))
    return [(tails, color), (both(box(5, 12, 7, 13)), "ee5d6c"), (both(box(3, 16, 3, 20)), shade(color, 1.3))]


def bun_back(color: str) -> Part:
    return [(disc(MIDDLE, 4, 4, 3.6), color), (disc(MIDDLE - 1, 3, 1.5, 1), shade(color, 1.3))]


# Clothes

BODY = disc(MIDDLE, 33.5, 13, 8.5)


def t_shirt(color: str) -> Part:
    return [(BODY, color), (both(box(7, 29, 7, 31)), shade(color, 0.75)), (BODY & disc(MIDDLE, 25, 4, 3), "skin")]


def hoodie(color: str) -> Part:
    hood = disc(MIDDLE, 27, 7.5, 3.4) & (ROWS >= 25)
    strings = both(box(13, 28, 13, 30))
    return [(BODY, color), (hood, shade(color, 0.75)), (strings, WHITE), (disc(MIDDLE, 24.5, 3.5, 2.6), "skin")]


def turtleneck(color: str) -> Part:
    return [(BODY | box(11, 24, 20, 27), color), (box(11, 26, 20, 26), shade(color, 0.75))]


def striped(color: str) -> Part:
    return [(BODY, WHITE), (BODY & (ROWS % 3 == 1), color), (BODY & disc(MIDDLE, 25, 4, 2.2), "skin")]


def dungarees(color: str) -> Part:
    straps = both(box(9, 25, 11, 31)) | box(9, 29, 22, 31)
    return [
        (BODY, "e9ebf2"),
        (BODY & straps, color),
        (both(box(10, 29, 10, 29)), GOLD),
        (BODY & disc(MIDDLE, 25, 3.5, 2), "skin"),
    ]


def suit(color: str) -> Part:
    shirt = (abs(COLUMNS - MIDDLE) < 4.6 - (ROWS - 25) * 0.6) & (ROWS >= 25)
    tie = box(15, 26, 16, 31)
    return [(BODY, color), (BODY & shirt, WHITE), (tie, shade(color, 0.55))]


# The head


def head(color: str) -> Part:
    dark = shade(color, 0.82)
    return [
        (box(13, 21, 18, 26), dark),
        (both(disc(8, 16.5, 1.6, 2.2)), dark),
        (HEAD, color),
        (box(15, 17, 16, 18), dark),
        (both(box(10, 19, 11, 19)), "ff8a8a" if color not in (SKINS["green"], SKINS["blue"]) else shade(color, 0.9)),
    ]


# Mouths; hair colors the beards


def smile(color: str) -> Part:
    return [(box(13, 21, 18, 21) | both(box(11, 19, 12, 20)), LIPS)]


def grin(color: str) -> Part:
    return [(box(12, 20, 19, 22), LIPS), (box(13, 20, 18, 21), WHITE)]


def straight(color: str) -> Part:
    return [(box(13, 21, 18, 21), LIPS)]


def gasp(color: str) -> Part:
    return [(disc(MIDDLE, 21, 2, 1.8), "5c1f2c"), (box(15, 22, 16, 22), "e8707a")]


def tongue(color: str) -> Part:
    return [(box(12, 20, 19, 20), LIPS), (box(16, 21, 18, 22), "f07f8c")]


def lipstick(color: str) -> Part:
    return [(box(13, 20, 18, 21) | box(14, 22, 17, 22), "cf2f4f"), (box(13, 21, 18, 21), "8f1735")]


def moustache(color: str) -> Part:
    return [(box(12, 19, 19, 20) | both(box(11, 20, 11, 21)), color), (box(14, 22, 17, 22), LIPS)]


def beard(color: str) -> Part:
    whiskers = HEAD & (ROWS >= 19) & ~disc(MIDDLE, 16, 5, 4.2)
    return [(whiskers, color), (box(14, 21, 17, 21), "e8707a")]


# Eyes, below brows in the color of the hair


def brows(color: str) -> Part:
    return [(both(box(11, 12, 13, 12)), shade(color, 0.8))]


def open_eyes() -> Part:
    return [(both(box(11, 14, 13, 16)), WHITE), (both(box(12, 14, 13, 16)), BLACK), (both(box(12, 14, 12, 14)), WHITE)]


def sleepy_eyes() -> Part:
    return [(both(box(11, 16, 13, 16)), BLACK)]


def happy_eyes() -> Part:
    return [(both(box(12, 14, 12, 14) | box(11, 15, 11, 15) | box(13, 15, 13, 15)), BLACK)]


def wink() -> Part:
    right = [(area & (COLUMNS > MIDDLE), color) for area, color in open_eyes()]
    return [*right, (box(11, 15, 13, 15), BLACK)]


# Hair over the head

CAP_OF_HAIR = HEAD & (ROWS <= 10.5)


def stubble(color: str) -> Part:
    return [(HEAD & (ROWS <= 9.5) & ((ROWS + COLUMNS) % 2 == 0), shade(color, 1.1))]


def short(color: str) -> Part:
    area = (disc(MIDDLE, 14, 8.4, 8.6) & (ROWS <= 10)) | both(box(8, 10, 8, 14))
    return [(area, color), (box(11, 7, 15, 7), shade(color, 1.35))]


def fringe(color: str) -> Part:
    area = (disc(MIDDLE, 13.5, 9.4, 9.6) & (ROWS <= 11)) | both(box(6.5, 11, 8, 19))
    return [(area, color), (box(10, 6, 14, 7), shade(color, 1.35))]


def long_front(color: str) -> Part:
    parting = abs(COLUMNS - MIDDLE) > (ROWS - 7) * 0.9
    area = (
        (disc(MIDDLE, 14, 9.4, 9.8) & (ROWS <= 14) & parting & ~FACE) | CAP_OF_HAIR & parting | both(box(6, 14, 8, 27))
    )
    return [(area, color), (both(box(7, 16, 7, 25)), shade(color, 1.3))]


def hairline(color: str) -> Part:
    return [(HEAD & (ROWS <= 9.5), color), (box(10, 8, 13, 8), shade(color, 1.3))]


def mohawk(color: str) -> Part:
    crest = box(13, 1, 18, 10) | box(14, 0, 17, 0)
    return [(crest, color), (box(14, 1, 14, 8), shade(color, 1.35))]


def spiky(color: str) -> Part:
    spikes = (2 + 1.6 * abs((COLUMNS - MIDDLE) % 5 - 2.5) <= ROWS) & (ROWS <= 9.5) & (abs(COLUMNS - MIDDLE) < 7.6)
    return [(spikes, color), (box(12, 8, 18, 8), shade(color, 1.3))]


def curly(color: str) -> Part:
    curls = [both(disc(c, r, 2.6, 2.6)) for c, r in ((8, 12), (8.5, 8), (11.5, 6), (15, 5.5), (7.5, 16))]
    shine = [box(c, r, c + 1, r) for c, r in ((8, 7), (12, 5), (17, 5), (22, 8))]
    return [(union(*curls) | HEAD & (ROWS <= 9.5), color), (union(*shine), shade(color, 1.35))]


# Glasses


def frames(area: Area, inside: Area, frame: str, glass: str | None = None) -> Part:
    bridge = box(14, 15, 17, 15) | both(box(8, 15, 9, 15))
    lens = [] if glass is None else [(inside, glass)]
    return [*lens, (area & ~inside | bridge & ~area, frame)]


def round_glasses() -> Part:
    return frames(both(disc(12, 15, 3.1, 3.1)), both(disc(12, 15, 2.1, 2.1)), "7a4a24")


def square_glasses() -> Part:
    return frames(both(box(9, 13, 14, 17)), both(box(10, 14, 13, 16)), BLACK)


def red_glasses() -> Part:
    return frames(both(box(9, 13, 14, 17) & ~box(9, 17, 9, 17)), both(box(10, 14, 13, 16)), "e0393e")


def sunglasses() -> Part:
    area = both(box(9, 13, 14, 16) | box(10, 17, 13, 17))
    return [*frames(area, area & False, BLACK), (both(box(10, 14, 11, 14)), GREY)]


def glasses_3d() -> Part:
    area = box(9, 13, 22, 17)
    return [
        (area, WHITE),
        (box(10, 14, 14, 16), "2fb5d9"),
        (box(17, 14, 21, 16), "e0393e"),
        (both(box(8, 14, 8, 15)), WHITE),
    ]


def visor() -> Part:
    return [(box(7, 13, 24, 17), "3a3c4d"), (box(8, 14, 23, 16), "35e0c8"), (box(9, 14, 13, 14), WHITE)]


def monocle() -> Part:
    ring = disc(19, 15, 3.1, 3.1) & ~disc(19, 15, 2.1, 2.1)
    return [(ring, GOLD), (box(22, 17, 22, 24), GOLD)]


# Hats


def cap() -> Part:
    crown = disc(MIDDLE, 9.5, 8.6, 7.2) & (ROWS <= 9)
    return [(crown, "d8434a"), (box(6, 9, 27, 10), "a52a35"), (box(14, 4, 17, 7), WHITE)]


def beanie() -> Part:
    crown = disc(MIDDLE, 9.5, 8.8, 8.2) & (ROWS <= 8)
    return [
        (crown, "3f6fd0"),
        (crown & (ROWS == 5), WHITE),
        (box(7, 8, 24, 10), "2c4f9e"),
        (disc(MIDDLE, 1, 2, 1.6), WHITE),
    ]


def crown() -> Part:
    points = (2 + 2.4 * abs((COLUMNS - MIDDLE + 2.5) % 5 - 2.5) <= ROWS) & (ROWS <= 8) & (abs(COLUMNS - MIDDLE) < 8)
    return [(points, GOLD), (box(8, 8, 23, 8), "c98a1b"), (both(box(12, 6, 12, 7)) | box(15, 6, 16, 7), "e0393e")]


def top_hat() -> Part:
    return [
        (box(9, 0, 22, 8), "2b2d3d"),
        (box(9, 6, 22, 7), "7d50b8"),
        (box(5, 8, 26, 9), "2b2d3d"),
        (box(11, 1, 11, 5), GREY),
    ]


def wizard_hat() -> Part:
    cone = (abs(COLUMNS - MIDDLE) < (ROWS + 1) * 0.95) & (ROWS <= 8)
    stars = box(15, 3, 16, 4) | box(11, 6, 12, 7) | box(19, 6, 20, 7)
    return [(cone, "5b3fa8"), (stars, GOLD), (box(4, 8, 27, 9), "45308a")]


def headphones() -> Part:
    band = disc(MIDDLE, 14, 10, 10.5) & ~disc(MIDDLE, 14, 8.6, 9) & (ROWS <= 14)
    return [(band, "3a3c4d"), (both(box(5, 13, 8, 19)), "ef8a35"), (both(box(5, 14, 5, 18)), "b8601c")]


def halo() -> Part:
    ring = disc(MIDDLE, 2.5, 8, 2.6) & ~disc(MIDDLE, 2.5, 6, 1.1)
    return [(ring, GOLD)]


def flower() -> Part:
    petals = disc(22, 8, 3.2, 1.4) | disc(22, 8, 1.4, 3.2)
    return [(petals, "ffffff"), (disc(22, 8, 1.1, 1.1), GOLD)]


BACKDROPS: dict[str, DrawPart] = {"plain": no_part, "sun": sun, "stripes": stripes, "dots": dots}
CLOTHES: dict[str, DrawPart] = {
    "t-shirt": t_shirt,
    "hoodie": hoodie,
    "turtleneck": turtleneck,
    "striped": striped,
    "dungarees": dungarees,
    "suit": suit,
}
MOUTHS: dict[str, DrawPart] = {
    "smile": smile,
    "grin": grin,
    "straight": straight,
    "gasp": gasp,
    "tongue": tongue,
    "lipstick": lipstick,
    "moustache": moustache,
    "beard": beard,
}
EYES: dict[str, DrawPart] = {
    "open": open_eyes,
    "sleepy": sleepy_eyes,
    "happy": happy_eyes,
    "wink": wink,
    "covered": no_part,
}
HAIR: dict[str, tuple[DrawPart, DrawPart]] = {  # behind the head, and over it
    "shaved": (no_part, stubble),
    "short": (no_part, short),
    "bob": (bob_back, fringe),
    "long": (long_back, long_front),
    "afro": (afro_back, hairline),
    "mohawk": (no_part, mohawk),
    "bun": (bun_back, hairline),
    "spiky": (no_part, spiky),
    "curly": (no_part, curly),
    "pigtails": (pigtails_back, short),
}
GLASSES: dict[str, DrawPart] = {
    "none": no_part,
    "round": round_glasses,
    "square": square_glasses,
    "red": red_glasses,
    "sunglasses": sunglasses,
    "3d": glasses_3d,
    "visor": visor,
    "monocle": monocle,
}
HATS: dict[str, DrawPart] = {
    "none": no_part,
    "cap": cap,
    "beanie": beanie,
    "crown": crown,
    "top hat": top_hat,
    "wizard hat": wizard_hat,
    "headphones": headphones,
    "halo": halo,
    "flower": flower,
}


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
