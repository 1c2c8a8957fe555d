"""Notes of a score on a grid of steps, in voices of which each has one note at a time."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np

from gan_lightning.errors import UserError
from gan_lightning.modalities.midi import Note, Score
from gan_lightning.modalities.music_codes import FIRST_PITCH, HOLD, REST

OVERLAP = Fraction(1, 2)  # of a step, by which notes of one voice may overlap: players bind them


class Steps(NamedTuple):
    """A note on the grid: the step at which it starts, the step at which it has ended, and its MIDI pitch."""

    start: int
    end: int
    pitch: int


def to_codes(score: Score, voices: int, steps_per_quarter: int, lowest: int, highest: int) -> np.ndarray:
    """Return the codes (T, voices) uint8 of a score, see :mod:`gan_lightning.modalities.music_codes`.

    Notes are moved to the nearest step. Of notes that are then at the same step of a voice, the nearest stays. If the
    score has as many parts as there are voices, and no part has two notes at once, these are the voices. Otherwise all
    notes are put in voices by their pitch, the highest first.

    Raises:
        UserError: if there are no notes, more notes at once than voices, or notes outside the pitches.
    """
    notes = [note for part in score.parts for note in part]
    if not notes and len(score.parts) != voices:  # a file with that many parts is a silent sample
        raise UserError("has no notes, other than percussion: choose another file")
    pitches = sorted(note.pitch for note in notes)
    if pitches and not lowest <= pitches[0] <= pitches[-1] <= highest:
        raise UserError(
            f"has pitches {pitches[0]} to {pitches[-1]}, and the data take {lowest} to {highest}: "
            "transpose it, or set data.lowest and data.highest"
        )
    parts = _as_voices(score.parts, voices, steps_per_quarter)
    length = max([round(score.end * steps_per_quarter), *(part[-1].end for part in parts if part)])
    codes = np.full((length, voices), REST, np.uint8)
    for voice, part in enumerate(parts):
        for i, note in enumerate(part):
            end = min(note.end, part[i + 1].start) if i + 1 < len(part) else note.end
            codes[note.start : end, voice] = HOLD
            codes[note.start, voice] = note.pitch - lowest + FIRST_PITCH
    return codes


def to_notes(codes: np.ndarray, steps_per_quarter: int, lowest: int) -> list[list[Note]]:
    """Return the notes of each voice of codes (T, voices), the reverse of :func:`to_codes`."""
    parts = []
    for voice in codes.T:
        starts = np.flatnonzero(voice >= FIRST_PITCH)
        ends = np.flatnonzero(np.append(voice, REST) != HOLD)
        parts.append(
            [
                Note(
                    Fraction(int(start), steps_per_quarter),
                    Fraction(int(ends[ends > start][0]), steps_per_quarter),
                    int(voice[start]) - FIRST_PITCH + lowest,
                )
                for start in starts
            ]
        )
    return parts


def _as_voices(parts: Sequence[Sequence[Note]], voices: int, steps_per_quarter: int) -> list[list[Steps]]:
    """Return the notes of each voice on the grid."""
    for chosen in (parts, [part for part in parts if part]):
        if len(chosen) == voices and not any(_has_chords(part, steps_per_quarter) for part in chosen):
            return [_quantized(part, steps_per_quarter) for part in chosen]
    together = sorted(note for part in parts for note in part)
    return _split_by_pitch(together, voices, steps_per_quarter)


def _has_chords(part: Sequence[Note], steps_per_quarter: int) -> bool:
    most = OVERLAP / steps_per_quarter
    return any(a.end - b.start > most or (a.start == b.start and a.pitch != b.pitch) for a, b in pairwise(part))


def _quantized(part: Sequence[Note], steps_per_quarter: int) -> list[Steps]:
    """Return the notes of a voice at the nearest steps, each at least one step long, and one for each step."""
    found: dict[int, tuple[Fraction, Steps]] = {}
    for note in part:
        one, distance = _on_grid(note, steps_per_quarter)
        if one.start not in found or distance < found[one.start][0]:
            found[one.start] = distance, one
    return [found[start][1] for start in sorted(found)]


def _on_grid(note: Note, steps_per_quarter: int) -> tuple[Steps, Fraction]:
    """Return a note at the nearest step, and its distance from there."""
    exact = note.start * steps_per_quarter
    start = int(exact + Fraction(1, 2))
    return Steps(start, max(int(note.end * steps_per_quarter + Fraction(1, 2)), start + 1), note.pitch), abs(
        exact - start
    )


def _split_by_pitch(notes: Sequence[Note], voices: int, steps_per_quarter: int) -> list[list[Steps]]:
    """Return the notes of several parts in voices, so that higher notes that start together are in higher voices.

    Notes that start at one step get the free voices whose last pitches are nearest.
    """
    starting: dict[int, dict[int, Steps]] = {}
    for note in _without_passing(notes, steps_per_quarter):
        one, _ = _on_grid(note, steps_per_quarter)
        starting.setdefault(one.start, {})[one.pitch] = one  # unisons are one note
    parts: list[list[Steps]] = [[] for _ in range(voices)]
    pitches = [note.pitch for note in notes]
    last = np.linspace(max(pitches), min(pitches), voices).tolist()
    for step in sorted(starting):
        new = [starting[step][pitch] for pitch in sorted(starting[step], reverse=True)]
        free = [voice for voice in range(voices) if not parts[voice] or parts[voice][-1].end <= step]
        if len(new) > len(free):
            raise UserError(
                f"has {voices - len(free) + len(new)} notes at once in quarter {step / steps_per_quarter + 1:g}, "
                f"and there are {voices} voices: leave out parts, or raise data.voices"
            )
        chosen = min(
            combinations(free, len(new)),
            key=lambda chosen: sum(abs(last[voice] - note.pitch) for voice, note in zip(chosen, new, strict=True)),
        )
        for voice, placed in zip(chosen, new, strict=True):
            parts[voice].append(placed)
            last[voice] = placed.pitch
    return parts


def _without_passing(notes: Sequence[Note], steps_per_quarter: int) -> list[Note]:
    """Leave out notes between two steps that do not sound together with the nearest note at the same step."""
    nearest: dict[int, tuple[Fraction, Note]] = {}
    placed = []
    for note in notes:
        one, distance = _on_grid(note, steps_per_quarter)
        placed.append((one.start, note))
        if one.start not in nearest or distance < nearest[one.start][0]:
            nearest[one.start] = distance, note
    return [note for step, note in placed if _sound_together(note, nearest[step][1])]


def _sound_together(a: Note, b: Note) -> bool:
    return a.start < b.end and b.start < a.end
