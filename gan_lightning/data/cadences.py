"""Cadences: chords in four voices that this package composes itself, so that no download is needed."""

from typing import Unpack

import numpy as np
import torch
from pydantic import PositiveInt
from torch import Tensor

from gan_lightning.data.harmony import KEYS, SCALES, Mode, parallels, progressions, voice
from gan_lightning.data.music import MusicData, MusicSettings, Split
from gan_lightning.errors import UserError
from gan_lightning.modalities.music_codes import FIRST_PITCH, tie

TRAINING_SEED, TEST_SEED, SPLIT_SEED = 0, 1, 2
MODES: tuple[Mode, ...] = ("major", "minor")
HELD_OUT = 0.1  # share of the progressions that only the test set has
QUARTERS = 2  # of a chord
PASSING = 0.6  # probability of a passing note where a voice moves by a third


class Cadences(MusicData):
    """Progressions of half notes from I to V–I in four voices, in all 24 keys, composed by the rules of harmony.

    The chords follow each other as tonic, subdominant and dominant, and the voices lead by small motions without
    parallel fifths and octaves, see :mod:`gan_lightning.data.harmony`. Some thirds are filled with passing notes.
    ``HELD_OUT`` of the progressions are in the test set alone.

    Args:
        examples: number of training examples.
        test_examples: number of test examples.
        settings: see :class:`MusicData`.
    """

    source, licence = "cadences composed by GAN Lightning", "MIT"

    def __init__(self, cadences: PositiveInt, test_cadences: PositiveInt, **settings: Unpack[MusicSettings]) -> None:
        super().__init__(**settings)
        for key, found, expected in (("voices", self.modality.voices, 4), ("metre", self.modality.metre, 4)):
            if found != expected:
                raise UserError(f"data.{key}={found}: cadences have data.{key}={expected}")
        if settings["bars"] not in (2, 3, 4):
            raise UserError(f"data.bars={settings['bars']}: cadences have 2 to 4 bars")
        if settings["steps_per_quarter"] % 2:
            raise UserError(f"data.steps_per_quarter={settings['steps_per_quarter']}: passing notes need 2, 4 or 6")
        self.cadences, self.test_cadences = cadences, test_cadences

    def read(self) -> Split:
        chords = self.modality.length // (QUARTERS * self.modality.steps_per_quarter)
        every = [(mode, one) for mode in MODES for one in progressions(mode, chords)]
        order = np.random.default_rng(SPLIT_SEED).permutation(len(every))
        held_out = set(order[: max(round(HELD_OUT * len(every)), 1)].tolist())
        training = [one for i, one in enumerate(every) if i not in held_out]
        test = [every[i] for i in sorted(held_out)]
        return Split(
            self._compose(training, self.cadences, TRAINING_SEED), self._compose(test, self.test_cadences, TEST_SEED)
        )

    def _compose(self, known: list[tuple[Mode, tuple[str, ...]]], n: int, seed: int) -> Tensor:
        """Return n cadences (n, length, 4) uint8 of known progressions, equally many of each."""
        random = np.random.default_rng(seed)
        each, found = max(-(-5 * n // (4 * len(known))), 2), 0  # a quarter more, as some keys have no solution
        voiced: dict[Mode, list[np.ndarray]] = {mode: [] for mode in MODES}
        tonics: dict[Mode, list[np.ndarray]] = {mode: [] for mode in MODES}
        while found < n:
            for mode, progression in known:
                chords, keys = voice(mode, progression, random.integers(0, len(KEYS), each), random)
                voiced[mode].append(chords)
                tonics[mode].append(np.array(KEYS)[keys])
                found += len(keys)
        modes = [mode for mode in MODES if voiced[mode]]
        eighths = np.concatenate(
            [
                with_passing_notes(np.concatenate(voiced[mode]), np.concatenate(tonics[mode]), mode, random)
                for mode in modes
            ]
        )
        pitches = eighths[random.permutation(found)[:n]].repeat(self.modality.steps_per_quarter // 2, 1)
        lowest, highest = self.modality.lowest, self.modality.highest
        if pitches.min() < lowest or pitches.max() > highest:
            raise UserError(
                f"data.lowest={lowest}, data.highest={highest}: cadences need {pitches.min()} to {pitches.max()}"
            )
        return tie(torch.from_numpy(pitches - lowest + FIRST_PITCH)).to(torch.uint8)


def with_passing_notes(voiced: np.ndarray, tonics: np.ndarray, mode: Mode, random: np.random.Generator) -> np.ndarray:
    """Return chords (n, chords, 4) as pitches of eighths (n, 4 · chords, 4), with passing notes.

    The last eighth of a chord passes in at most one voice, through the note of the scale between two notes that are a
    third apart, unless that note and another voice would move in parallel fifths or octaves.

    Args:
        voiced: MIDI pitches.
        tonics: (n,), the pitch class of the tonic of each.
        mode: the mode.
        random: chooses the voice, and if it passes.
    """
    eighths = voiced.repeat(2 * QUARTERS, 1)
    rows = np.arange(len(voiced))
    for chord in range(voiced.shape[1] - 1):
        before, after = voiced[:, chord], voiced[:, chord + 1]
        middle = np.zeros_like(before)
        for step in (1, 2, 3):
            between = before + step * np.sign(after - before)
            is_between = (step < np.abs(after - before)) & np.isin((between - tonics[:, None]) % 12, SCALES[mode])
            middle = np.where(is_between & (middle == 0), between, middle)
        passes = (np.abs(after - before) <= 4) & (middle > 0)
        chosen = np.where(passes, random.random(passes.shape), -1).argmax(1)
        passing = before.copy()
        passing[rows, chosen] = middle[rows, chosen]
        used = passes[rows, chosen] & (random.random(len(rows)) < PASSING) & ~parallels(passing, after).any(1)
        eighths[used, 4 * chord + 3] = passing[used]
    return eighths
