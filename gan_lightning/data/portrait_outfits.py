"""Backdrops, clothes, glasses and hats of pixel portraits."""

from gan_lightning.data.portrait_shapes import (
    BACKGROUNDS,
    BLACK,
    COLUMNS,
    GOLD,
    GREY,
    MIDDLE,
    ROWS,
    WHITE,
    Area,
    DrawPart,
    Part,
    both,
    box,
    disc,
    no_part,
    shade,
)

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
