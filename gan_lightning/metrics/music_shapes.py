"""Statistics of music, one number for each sample.

Codes and what sounds are arrays (n, T, voices), see :mod:`gan_lightning.modalities.music_codes`; pitches are MIDI
pitches, NaN in a rest.
"""

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np
from torch import Tensor

from gan_lightning.modalities.music import Music
from gan_lightning.modalities.music_codes import FIRST_PITCH, HOLD, REST, sounding

CONSONANT = (0, 3, 4, 7, 8, 9)  # interval classes; a fourth is one unless it is above the lowest voice
FOURTH = 5
MAJOR = (0, 2, 4, 5, 7, 9, 11)  # the notes of a key and of its relative minor
TRIADS = ((0, 4, 7), (0, 3, 7), (0, 3, 6), (0, 4, 8))  # major, minor, diminished, augmented
STEP = 2  # semitones of the largest step; larger intervals are leaps


class Heard(NamedTuple):
    """Music as arrays.

    Attributes:
        codes: (n, T, voices), the content.
        pitches: (n, T, voices), the MIDI pitch that sounds; NaN for none.
        classes: (n, T, 12), True for pitch classes that sound at a step.
        steps_per_quarter: number of steps of a quarter note.
        steps_per_bar: number of steps of a bar.
    """

    codes: np.ndarray
    pitches: np.ndarray
    classes: np.ndarray
    steps_per_quarter: int
    steps_per_bar: int


def hear(modality: Music, content: Tensor) -> Heard:
    """Return content (n, T, voices) as arrays."""
    heard = sounding(content).numpy().astype(float)
    pitches = np.where(heard == REST, np.nan, heard - FIRST_PITCH + modality.lowest)
    known = ~np.isnan(pitches)
    classes = np.zeros((*pitches.shape[:2], 12), bool)
    for voice in range(pitches.shape[2]):
        n, t = np.nonzero(known[..., voice])
        classes[n, t, (pitches[n, t, voice] % 12).astype(int)] = True
    return Heard(content.numpy(), pitches, classes, modality.steps_per_quarter, modality.steps_per_bar)


def hold(music: Heard) -> np.ndarray:
    """Return the share of steps of voices that hold a note."""
    return (music.codes == HOLD).mean((1, 2))


def offbeat(music: Heard) -> np.ndarray:
    """Return the share of notes that start between two quarters."""
    starts = music.codes >= FIRST_PITCH
    between = starts & (np.arange(starts.shape[1]) % music.steps_per_quarter != 0)[:, None]
    return _share(between.sum((1, 2)), starts.sum((1, 2)))


def consonant(music: Heard) -> np.ndarray:
    """Return the share of pairs of notes that sound together and are consonant."""
    good, every = np.zeros(len(music.pitches)), np.zeros(len(music.pitches))
    lowest = _lowest(music.pitches)
    for a, b in combinations(range(music.pitches.shape[2]), 2):
        pair = music.pitches[..., [a, b]]
        interval = np.abs(pair[..., 0] - pair[..., 1]) % 12
        above_bass = pair.min(-1) == lowest
        good += (np.isin(interval, CONSONANT) | ((interval == FOURTH) & ~above_bass)).sum(1)
        every += (~np.isnan(interval)).sum(1)
    return _share(good, every)


def triads(music: Heard) -> np.ndarray:
    """Return the share of steps, of those that sound, whose notes all belong to one triad."""
    inside = np.zeros(music.classes.shape[:2], bool)
    for triad in TRIADS:
        for root in range(12):
            others = np.delete(np.arange(12), [(tone + root) % 12 for tone in triad])
            inside |= ~music.classes[..., others].any(-1)
    sounds = music.classes.any(-1)
    return _share((inside & sounds).sum(1), sounds.sum(1))


def stepwise(music: Heard) -> np.ndarray:
    """Return the share of melodic intervals, other than repetitions, that are steps."""
    motion = np.abs(np.diff(music.pitches, axis=1))
    return _share(((motion > 0) & (motion <= STEP)).sum((1, 2)), (motion > 0).sum((1, 2)))


def crossing(music: Heard) -> np.ndarray:
    """Return the share of pairs of neighbouring voices of which the lower one is above the other."""
    difference = np.diff(music.pitches, axis=2)
    return _share((difference > 0).sum((1, 2)), (~np.isnan(difference)).sum((1, 2)))


def pitch_classes(music: Heard) -> np.ndarray:
    """Return the number of different pitch classes."""
    return music.classes.any(1).sum(1).astype(float)


def in_key(music: Heard) -> np.ndarray:
    """Return the share of the time of all voices that is in the best of the 24 keys, of natural minor and major."""
    classes = np.stack([(music.pitches % 12 == tone).sum((1, 2)) for tone in range(12)], 1)
    keys = [classes[:, [(tone + tonic) % 12 for tone in MAJOR]].sum(1) for tonic in range(12)]
    return _share(np.max(keys, 0), classes.sum(1))


Statistic = Callable[[Heard], np.ndarray]
OF_ONE_VOICE: Mapping[str, Statistic] = {
    "hold": hold,
    "offbeat": offbeat,
    "stepwise": stepwise,
    "pitch_classes": pitch_classes,
    "in_key": in_key,
}
OF_VOICES: Mapping[str, Statistic] = {"consonant": consonant, "triads": triads, "crossing": crossing}


def statistics(music: Heard) -> dict[str, np.ndarray]:
    """Return the statistics (n,) of music by their names; NaN for a sample without any notes."""
    chosen = {**OF_ONE_VOICE, **(OF_VOICES if music.codes.shape[2] > 1 else {})}
    return {name: function(music) for name, function in chosen.items()}


def windows(music: Heard, bars: int) -> tuple[np.ndarray, np.ndarray]:
    """Return all windows of so many bars that start with a bar, whatever their key.

    Return the rows (m, steps · voices) int16 of each, and the sample (m,) it belongs to. Pitches are counted from the
    lowest one of the window, holds and rests are negative. Windows without a note are left out.
    """
    steps = bars * music.steps_per_bar
    rows, samples = [], []
    for start in range(0, music.codes.shape[1] - steps + 1, music.steps_per_bar):
        codes, pitches = (one[:, start : start + steps].reshape(len(one), -1) for one in (music.codes, music.pitches))
        sounds = ~np.isnan(pitches).all(1)
        voices = music.codes.shape[2]
        from_lowest = pitches[sounds] - np.nanmin(pitches[sounds], 1, keepdims=True)
        held = codes[sounds] == HOLD
        held[:, :voices] = False  # a note may be held into the window
        rows.append(np.where(np.isnan(from_lowest), -1, np.where(held, -2, from_lowest)).astype(np.int16))
        samples.append(np.flatnonzero(sounds))
    if not rows:
        return np.zeros((0, steps * music.codes.shape[2]), np.int16), np.zeros(0, int)
    return np.concatenate(rows), np.concatenate(samples)


def hash_rows(rows: np.ndarray) -> np.ndarray:
    """Return a 64-bit hash (m,) of each row (m, d) of integers, equal for equal rows."""
    factors = np.random.default_rng(0).integers(-(2**62), 2**62, rows.shape[1]) * 2 + 1
    return (rows.astype(np.int64) * factors).sum(1)  # overflows on purpose


def _lowest(pitches: np.ndarray) -> np.ndarray:
    """Return the lowest pitch at each step (n, T); NaN if none sounds."""
    lowest = np.where(np.isnan(pitches), np.inf, pitches).min(2)
    return np.where(np.isinf(lowest), np.nan, lowest)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
