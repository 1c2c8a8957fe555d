"""Plays notes: additive synthesis."""

from collections.abc import Sequence

import numpy as np

from gan_lightning.modalities.midi import TEMPO, Note

RATE = 22_050  # samples a second
HARMONICS = 5
ROLL_OFF = 1.5  # the amplitude of harmonic k is k ** -ROLL_OFF
ATTACK, DECAY, RELEASE = 0.02, 1.5, 0.08  # seconds; the amplitude falls to 1/e in DECAY
PEAK = 0.8  # of the full scale, that all voices together reach at most
CONCERT_PITCH, CONCERT_NOTE = 440.0, 69  # Hz, and the MIDI pitch of that frequency


def frequency(pitch: int) -> float:
    """Return the frequency of a MIDI pitch in Hz, in equal temperament."""
    return float(CONCERT_PITCH * 2 ** ((pitch - CONCERT_NOTE) / 12))


def duration(quarters: float) -> int:
    """Return the number of values of the sound of this many quarter notes, with the release of the last note."""
    return int((quarters * 60 / TEMPO + RELEASE) * RATE) + 1


def play(parts: Sequence[Sequence[Note]], quarters: float) -> np.ndarray:
    """Return the sound (samples,) int16 of the notes of all parts at ``RATE``.

    Args:
        parts: the notes of each part.
        quarters: duration of the music in quarter notes, of which ``TEMPO`` are a minute.
    """
    second = TEMPO / 60  # in quarter notes
    sound = np.zeros(duration(quarters))
    for note in (note for part in parts for note in part):
        start = int(note.start / second * RATE)
        tone = _tone(note.pitch, float(note.end - note.start) / second)[: len(sound) - start]
        sound[start : start + len(tone)] += tone
    loudest = len(parts) * sum(k**-ROLL_OFF for k in range(1, HARMONICS + 1))
    return np.round(sound * (PEAK / loudest * np.iinfo(np.int16).max)).astype(np.int16)


def _tone(pitch: int, seconds: float) -> np.ndarray:
    """Return the sound of one note that is released after ``seconds``."""
    time = np.arange(int((seconds + RELEASE) * RATE)) / RATE
    envelope = (
        np.minimum(time / ATTACK, 1) * np.exp(-time / DECAY) * np.clip((seconds + RELEASE - time) / RELEASE, 0, 1)
    )
    phase = 2 * np.pi * frequency(pitch) * time
    below = [k for k in range(1, HARMONICS + 1) if k * frequency(pitch) < RATE / 2]
    return envelope * sum(k**-ROLL_OFF * np.sin(k * phase) for k in below)
