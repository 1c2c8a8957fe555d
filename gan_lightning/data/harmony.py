"""Harmony in four voices: chords, progressions, voicings and voice leading.

Pitches are MIDI pitches of music whose tonic is C; pitch classes count semitones above the tonic.
"""

import functools
import itertools
from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np

Mode = Literal["major", "minor"]

KEYS = range(-5, 7)  # semitones from C to the tonics of all keys
LEADING_TONE = 11
SCALES: Mapping[Mode, tuple[int, ...]] = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 11)}
RANGES = ((60, 79), (55, 74), (48, 67), (40, 60))  # of soprano, alto, tenor and bass in any key
MOST_APART = (12, 12, 19)  # semitones between neighbouring voices
LARGEST_LEAPS = (7, 7, 7, 12)  # semitones
TEMPERATURE = 2.0  # semitones of motion by which a continuation is e times less likely
PERFECT = (0, 7)  # interval classes that voices must not keep in parallel motion


class Chord(NamedTuple):
    """A triad: the pitch classes of root, third and fifth, and the index of the one in the bass."""

    tones: tuple[int, int, int]
    bass: int = 0


CHORDS: Mapping[Mode, Mapping[str, Chord]] = {
    "major": {
        "I": Chord((0, 4, 7)),
        "I6": Chord((0, 4, 7), 1),
        "ii": Chord((2, 5, 9)),
        "ii6": Chord((2, 5, 9), 1),
        "IV": Chord((5, 9, 0)),
        "V": Chord((7, 11, 2)),
        "V6": Chord((7, 11, 2), 1),
        "vi": Chord((9, 0, 4)),
        "vii6": Chord((11, 2, 5), 1),
    },
    "minor": {
        "I": Chord((0, 3, 7)),
        "I6": Chord((0, 3, 7), 1),
        "ii6": Chord((2, 5, 8), 1),
        "IV": Chord((5, 8, 0)),
        "V": Chord((7, 11, 2)),
        "V6": Chord((7, 11, 2), 1),
        "vi": Chord((8, 0, 3)),
        "vii6": Chord((11, 2, 5), 1),
    },
}
FOLLOWING = {  # the chords that may follow each chord: tonic, subdominant, dominant, tonic
    "I": ("I6", "ii", "ii6", "IV", "V", "V6", "vi", "vii6"),
    "I6": ("I", "ii", "ii6", "IV", "V", "vii6"),
    "ii": ("V", "V6", "vii6"),
    "ii6": ("V", "vii6"),
    "IV": ("I", "ii", "ii6", "V", "V6", "vii6"),
    "V": ("I", "I6", "vi"),
    "V6": ("I",),
    "vi": ("ii", "ii6", "IV", "V"),
    "vii6": ("I", "I6"),
}
BEFORE_CADENCE = ("ii", "ii6", "IV")


@functools.cache
def progressions(mode: Mode, chords: int) -> list[tuple[str, ...]]:
    """Return all progressions of a number of chords that begin with I and end with subdominant, V and I."""
    known = CHORDS[mode]
    found: list[tuple[str, ...]] = [("I",)]
    for _ in range(chords - 3):
        found = [(*one, name) for one in found for name in FOLLOWING[one[-1]] if name in known]
    return [(*one, "V", "I") for one in found if one[-1] in BEFORE_CADENCE]


@functools.cache
def voicings(mode: Mode, name: str) -> np.ndarray:
    """Return all voicings (n, 4) of a chord that are in the ranges in some key: soprano, alto, tenor, bass.

    They have all three tones. A root position doubles its root, an inversion any tone, and none the leading tone.
    """
    tones, bass = CHORDS[mode][name]
    pitches = [
        [
            p
            for p in range(low - KEYS[-1], high - KEYS[0] + 1)
            if p % 12 in (tones[bass : bass + 1] if voice == 3 else tones)
        ]
        for voice, (low, high) in enumerate(RANGES)
    ]
    found = []
    for one in itertools.product(*pitches):
        apart = [a - b for a, b in itertools.pairwise(one)]
        classes = [pitch % 12 for pitch in one]
        doubled = next((tone for tone in tones if classes.count(tone) == 2), None)
        is_complete = set(classes) == set(tones) and doubled is not None and doubled != LEADING_TONE
        is_spaced = all(0 < gap <= most for gap, most in zip(apart, MOST_APART, strict=True))
        if is_complete and is_spaced and (bass or doubled == tones[0]):
            found.append(one)
    return np.array(found)


@functools.cache
def in_ranges(mode: Mode, name: str) -> np.ndarray:
    """Return which voicings of a chord are in the ranges of the voices in each key, (12, n) 0 or 1."""
    low, high = np.array(RANGES).T
    transposed = voicings(mode, name) + np.array(KEYS)[:, None, None]
    return ((transposed >= low) & (transposed <= high)).all(2).astype(float)


@functools.cache
def transitions(mode: Mode, name: str, following: str) -> np.ndarray:
    """Return the weight (n, m) of each step from a voicing of a chord to one of the following chord.

    Small motions have large weights. A step that breaks a rule has weight 0: fifths or octaves in parallel, a voice
    beyond the last pitch of its neighbour, large leaps, an augmented interval, a leading tone of V or vii6 that does
    not rise to the tonic in the soprano.
    """
    before, after = voicings(mode, name)[:, None], voicings(mode, following)[None]
    motion = after - before
    wrong = (np.abs(motion) > LARGEST_LEAPS).any(2) | (np.abs(motion) == 6).any(2)
    wrong |= parallels(before, after).any(2)
    wrong |= (after[..., 1:] > before[..., :-1]).any(2) | (after[..., :-1] < before[..., 1:]).any(2)
    if mode == "minor":
        pair = (before % 12 == 8) & (after % 12 == LEADING_TONE) | (before % 12 == LEADING_TONE) & (after % 12 == 8)
        wrong |= (pair & (np.abs(motion) == 3)).any(2)
    if following in ("I", "I6", "vi") and name in ("V", "V6", "vii6"):
        wrong |= (before[..., 0] % 12 == LEADING_TONE) & (motion[..., 0] != 1)
    cost = np.abs(motion[..., :3]).sum(2) + np.abs(motion[..., 3]) / 2
    return np.where(wrong, 0, np.exp(-cost / TEMPERATURE))


def parallels(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return which pairs of voices (…, 6) move in parallel fifths, octaves or unisons from ``before`` to ``after``."""
    above, below = np.array(list(itertools.combinations(range(4), 2))).T
    interval = (before[..., above] - before[..., below]) % 12
    kept = interval == (after[..., above] - after[..., below]) % 12
    moved = (after != before)[..., above] & (after != before)[..., below]
    return kept & moved & np.isin(interval, PERFECT)


def voice(
    mode: Mode, progression: tuple[str, ...], keys: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return random voicings (m, chords, 4) of a progression, m ≤ n, and their keys (m,).

    A sequence of voicings is as likely as the product of the weights of its steps. Keys in which no sequence follows
    all rules are left out.

    Args:
        mode: the mode.
        progression: names of the chords.
        keys: (n,), indices of ``KEYS``.
        random: draws the voicings.
    """
    of_chord = [voicings(mode, name) for name in progression]
    allowed = [in_ranges(mode, name)[keys] for name in progression]
    steps = [transitions(mode, a, b) for a, b in itertools.pairwise(progression)]
    future = [allowed[-1]]  # weight of all that can follow each voicing
    for weights, possible in zip(reversed(steps), reversed(allowed[:-1]), strict=True):
        future.insert(0, possible * (future[0] @ weights.T))
    solvable = future[0].sum(1) > 0
    weight = future[0][solvable]
    path: list[np.ndarray] = []
    for i in range(len(progression)):
        if i:
            weight = steps[i - 1][path[-1]] * future[i][solvable]
        total = weight.cumsum(1)
        path.append((total < total[:, -1:] * random.random((len(total), 1))).sum(1))
    chosen = [voiced[index] for voiced, index in zip(of_chord, path, strict=True)]
    found = keys[solvable]
    return np.stack(chosen, 1) + np.array(KEYS)[found, None, None], found
