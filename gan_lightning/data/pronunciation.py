"""Sounds of Chinese characters, in today's standard pronunciation; needs pypinyin, of the extra ``poems``."""

from collections.abc import Sequence

import torch
from torch import Tensor

TONES = "1234"
LEVEL_TONES = "12"  # the tones of today that come from the level tone of old verse, nearly always


def find_finals(characters: Sequence[str]) -> list[str]:
    """Return the final of each character, its sound without the initial and the tone; "" for those without.

    The final of 光, *guāng*, is *uang*.

    Raises:
        ImportError: if pypinyin is not installed.
    """
    return [toned.rstrip(TONES) for toned in _toned_finals(characters)]


def find_sounds(characters: Sequence[str]) -> Tensor:
    """Return the number of the sound of each character (n,): its final, and whether its tone is level; 0 for none.

    Raises:
        ImportError: if pypinyin is not installed.
    """
    sounds = [(toned.rstrip(TONES), toned[-1:] in LEVEL_TONES) for toned in _toned_finals(characters)]
    numbers = {sound: i for i, sound in enumerate(sorted({one for one in sounds if one[0]}), 1)}
    return torch.tensor([numbers.get(sound, 0) for sound in sounds])


def _toned_finals(characters: Sequence[str]) -> list[str]:
    """Return the final of each character with the number of its tone, as *uang1*; "" for those without."""
    from pypinyin import Style, lazy_pinyin

    return ["".join(lazy_pinyin(one, style=Style.FINALS_TONE3, errors="ignore")) for one in characters]
