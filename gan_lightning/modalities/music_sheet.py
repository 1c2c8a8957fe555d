"""Draws music as piano rolls: time from left to right, pitches from bottom to top, a color for each voice."""

import math

import numpy as np
from torch import Tensor

from gan_lightning.modalities.music_codes import FIRST_PITCH, HOLD, REST, sounding

STEP_WIDTH, PITCH_HEIGHT, GAP = 5, 3, 6  # pixels
COLORS = np.array(
    [(214, 69, 65), (230, 150, 40), (60, 150, 90), (50, 90, 180)], np.uint8
)  # of the voices, the highest first
PAPER, BAR_LINE, OCTAVE_LINE = 255, 150, 225  # grey


def draw_music(content: Tensor, values: int, steps_per_bar: int, columns: int | None = None) -> np.ndarray:
    """Return an image (H, W, 3) uint8 of the piano rolls of all samples, in a grid.

    A note starts with a darker edge, so that repeated notes are not one. Lines mark bars and octaves.

    Args:
        content: codes (n, T, voices).
        values: number of codes of a voice.
        steps_per_bar: number of steps between bar lines.
        columns: number of samples in a row; None for a square grid.
    """
    columns = columns or math.ceil(math.sqrt(len(content)))
    rolls = [
        _draw(codes, heard, values, steps_per_bar)
        for codes, heard in zip(content.numpy(), sounding(content).numpy(), strict=True)
    ]
    rolls += [np.full_like(rolls[0], PAPER)] * (-len(rolls) % columns)
    padded = [np.pad(roll, ((0, GAP), (0, GAP), (0, 0)), constant_values=PAPER) for roll in rolls]
    rows = [np.concatenate(padded[start : start + columns], 1) for start in range(0, len(padded), columns)]
    return np.concatenate(rows)


def _draw(codes: np.ndarray, heard: np.ndarray, values: int, steps_per_bar: int) -> np.ndarray:
    """Return the piano roll of one sample, with a frame."""
    pitches, steps = values - FIRST_PITCH, len(codes)
    roll = np.full((pitches * PITCH_HEIGHT + 1, steps * STEP_WIDTH + 1, 3), PAPER, np.uint8)
    roll[(pitches * PITCH_HEIGHT) % (12 * PITCH_HEIGHT) :: 12 * PITCH_HEIGHT] = OCTAVE_LINE
    roll[:, :: steps_per_bar * STEP_WIDTH] = BAR_LINE
    roll[[0, -1]] = roll[:, [0, -1]] = BAR_LINE
    for voice in reversed(range(codes.shape[1])):
        color = COLORS[voice]
        for step in np.flatnonzero(heard[:, voice] != REST):
            top = (pitches - 1 - (int(heard[step, voice]) - FIRST_PITCH)) * PITCH_HEIGHT
            left = int(step) * STEP_WIDTH
            roll[top : top + PITCH_HEIGHT, left : left + STEP_WIDTH] = color
            if codes[step, voice] != HOLD:
                roll[top : top + PITCH_HEIGHT, left] = color // 2
    return roll
