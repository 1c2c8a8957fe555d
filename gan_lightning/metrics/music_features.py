"""Features of music, by which a classifier or neighbours compare samples: bags of chords, intervals and rhythms.

All features but the pitch itself are the same in every key.
"""

from typing import NamedTuple

import numpy as np

from gan_lightning.metrics.music_shapes import Heard, statistics
from gan_lightning.modalities.music_codes import FIRST_PITCH

CHORDS, SUCCESSIONS = 64, 192  # the most frequent ones of training, which have a feature each
LARGEST = 12  # semitones; larger melodic intervals count as this one


class Features(NamedTuple):
    """Transformation of music to features (n, d) float32, fitted to training music.

    They are shares of the most frequent chords, of their successions from quarter to quarter, of melodic intervals of
    each voice, of notes that start at each step of the bar, and the statistics of :mod:`music_shapes`. All are
    standardized.

    Attributes:
        chords: the most frequent chords of training, ascending.
        successions: the most frequent successions of chords, ascending.
        mean: (d,), of the training music.
        deviation: (d,), of the training music.
    """

    chords: np.ndarray
    successions: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray

    def __call__(self, music: Heard) -> np.ndarray:
        return ((_raw(music, self.chords, self.successions) - self.mean) / self.deviation).astype(np.float32)


def fit_features(music: Heard) -> Features:
    """Return the features fitted to training music."""
    chords, successions = _chords(music)
    known = _most_frequent(chords, CHORDS), _most_frequent(successions, SUCCESSIONS)
    raw = _raw(music, *known)
    deviation = raw.std(0)
    return Features(*known, raw.mean(0), np.where(deviation > 1e-6, deviation, 1))


def _raw(music: Heard, chords: np.ndarray, successions: np.ndarray) -> np.ndarray:
    found = _chords(music)
    parts = [_bag(one, known) for one, known in zip(found, (chords, successions), strict=True)]
    parts += [_intervals(music), _starts(music)]
    parts += [np.nan_to_num(one)[:, None] for one in statistics(music).values()]
    return np.concatenate(parts, 1)


def _chords(music: Heard) -> tuple[np.ndarray, np.ndarray]:
    """Return the chords (n, T) and their successions from quarter to quarter (n, quarters − 1), as numbers.

    A chord is the set of the pitch classes above the lowest note; a succession, two chords and the motion of the
    lowest note.
    """
    pitches = np.where(np.isnan(music.pitches), np.inf, music.pitches).min(2)
    lowest = np.where(np.isinf(pitches), 0, pitches).astype(int) % 12
    turned = np.take_along_axis(music.classes, (np.arange(12) + lowest[..., None]) % 12, 2)
    chords = turned @ (1 << np.arange(12))
    beats, bass = chords[:, :: music.steps_per_quarter], lowest[:, :: music.steps_per_quarter]
    motion = np.diff(bass, axis=1) % 12
    return chords, (beats[:, :-1] * 12 + motion) * 4096 + beats[:, 1:]


def _most_frequent(values: np.ndarray, most: int) -> np.ndarray:
    found, counts = np.unique(values, return_counts=True)
    return np.sort(found[np.argsort(-counts, kind="stable")[:most]])


def _bag(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the share of each known value among the values (n, m) of a sample, and at last of all others."""
    if not len(known):
        return np.zeros((len(values), 1))
    place = np.searchsorted(known, values).clip(max=len(known) - 1)
    return _histogram(np.where(known[place] == values, place, len(known)), len(known) + 1)


def _intervals(music: Heard) -> np.ndarray:
    """Return the share of each melodic interval of each voice, from −``LARGEST`` to ``LARGEST``."""
    motion = np.diff(music.pitches, axis=1)
    none = 2 * LARGEST + 1  # a note that is held, or no note
    place = np.where(np.isnan(motion) | (motion == 0), none, motion.clip(-LARGEST, LARGEST) + LARGEST).astype(int)
    return np.concatenate([_histogram(voice, none + 1) for voice in np.moveaxis(place, 2, 0)], 1)


def _starts(music: Heard) -> np.ndarray:
    """Return how often a note of each voice starts at each step of the bar, (n, steps · voices)."""
    starts = music.codes >= FIRST_PITCH
    steps = min(music.steps_per_bar, starts.shape[1])
    return np.concatenate([starts[:, step::steps].mean(1) for step in range(steps)], 1)


def _histogram(places: np.ndarray, size: int) -> np.ndarray:
    """Return the share of each place 0…size − 1 among the places (n, m) of a row, (n, size)."""
    rows = np.arange(len(places))[:, None] * size
    counts = np.bincount((places + rows).ravel(), minlength=len(places) * size)
    return counts.reshape(len(places), size) / max(places.shape[1], 1)
