"""Heads of pixel portraits, with their hair, mouths and eyes."""

from gan_lightning.data.portrait_shapes import (
    BLACK,
    COLUMNS,
    LIPS,
    MIDDLE,
    ROWS,
    SKINS,
    WHITE,
    DrawPart,
    Part,
    both,
    box,
    disc,
    no_part,
    shade,
    union,
)

HEAD = disc(MIDDLE, 15.5, 7.4, 8.4)
FACE = disc(MIDDLE, 16.5, 6.6, 7.6)


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
