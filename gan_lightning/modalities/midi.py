"""Standard MIDI files: notes in exact time, of any number of tracks.

Times are fractions of a quarter note.
"""

import hashlib
from collections import defaultdict, deque
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import mido

from gan_lightning.errors import UserError
from gan_lightning.files import check_regular

TICKS = 480  # of a quarter note, in the files that are written
TEMPO = 100  # quarter notes a minute
VELOCITY = 80  # loudness of all notes, of at most 127
PROGRAM = 19  # church organ in General MIDI: its notes sound as long as they are held
DRUMS = 9  # the channel of percussion in General MIDI
MAX_BYTES = 2**22  # of a file
MAX_NOTES = 100_000


class Note(NamedTuple):
    """A note: its start and end in quarter notes, and its MIDI pitch."""

    start: Fraction
    end: Fraction
    pitch: int


class Score(NamedTuple):
    """The content of a MIDI file.

    Attributes:
        parts: the notes of each track and channel by their start, without percussion; a part that only chooses an
            instrument has no notes.
        metres: the distinct time signatures, as numerator and denominator; 4/4 if the file has none.
        end: end of the last note, or of the file.
    """

    parts: list[list[Note]]
    metres: list[tuple[int, int]]
    end: Fraction


def write_midi(path: Path, parts: Sequence[Sequence[Note]], names: Sequence[str], metre: int, end: Fraction) -> None:
    """Write a MIDI file with one track and one channel for each part.

    Args:
        path: the file to write.
        parts: the notes of each part, at most 9, which do not overlap.
        names: names of the parts.
        metre: number of quarter notes in a bar.
        end: end of the music.
    """
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS)
    file.tracks.append(
        mido.MidiTrack(
            [
                mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(TEMPO)),
                mido.MetaMessage("time_signature", numerator=metre, denominator=4),
                mido.MetaMessage("end_of_track", time=int(end * TICKS)),
            ]
        )
    )
    for channel, (notes, name) in enumerate(zip(parts, names, strict=True)):
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
        track.append(mido.Message("program_change", channel=channel, program=PROGRAM))
        now = Fraction(0)
        for note in notes:
            for kind, time in (("note_on", note.start), ("note_off", note.end)):
                ticks = int((time - now) * TICKS)
                track.append(mido.Message(kind, channel=channel, note=note.pitch, velocity=VELOCITY, time=ticks))
                now = time
        track.append(mido.MetaMessage("end_of_track", time=int((end - now) * TICKS)))
        file.tracks.append(track)
    file.save(path)


def read_midi(path: Path) -> Score:
    """Return the content of a MIDI file; raise UserError if it is damaged or has no fixed beat."""
    parts: dict[tuple[int, int], list[Note]] = {}
    metres: dict[tuple[int, int], None] = {}
    end = Fraction(0)
    file = _open(path)
    for number, track in enumerate(file.tracks):
        for time, message in _timed(track, file.ticks_per_beat):
            if message.type == "time_signature":
                metres[message.numerator, message.denominator] = None
            elif message.type == "program_change" and message.channel != DRUMS:
                parts.setdefault((number, message.channel), [])
            end = max(end, time)
        for channel, note, _ in _notes(track, file.ticks_per_beat):
            if channel != DRUMS:
                parts.setdefault((number, channel), []).append(note)
    ordered = [sorted(parts[key]) for key in sorted(parts)]
    return Score(ordered, list(metres) or [(4, 4)], end)


def digest_midi(path: Path) -> str:
    """Return the SHA-256 of what a player of a MIDI file plays, whatever its tracks, names and encoding.

    It is that of the notes, with their channels and velocities, and of all other messages that change the sound.
    """
    file = _open(path)
    lines = []
    for track in file.tracks:
        for channel, note, velocity in _notes(track, file.ticks_per_beat):
            lines.append(f"note {note.start} {note.end} {channel} {note.pitch} {velocity}")
        for time, message in _timed(track, file.ticks_per_beat):
            if message.type == "set_tempo" or not (message.is_meta or message.type in ("note_on", "note_off")):
                data = " ".join(f"{key}={value}" for key, value in sorted(vars(message).items()) if key != "time")
                lines.append(f"{time} {data}")
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _open(path: Path) -> mido.MidiFile:
    try:
        check_regular(path)
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"{path}: is larger than {MAX_BYTES >> 20} MiB: not a piece of music, or cut it")
        file = mido.MidiFile(path)
        notes = sum(message.type == "note_on" for track in file.tracks for message in track)
    except UserError:
        raise
    except Exception as error:  # mido raises many types for damaged files
        reason = " ".join(f"{type(error).__name__} {error}".split())
        raise UserError(
            f"{path}: not a readable MIDI file ({reason}): export it again as Standard MIDI File"
        ) from error
    if file.type == 2:
        raise UserError(f"{path}: holds several independent sequences (format 2): export it as format 0 or 1")
    if not 0 < file.ticks_per_beat < 2**15:
        raise UserError(f"{path}: counts seconds instead of beats (SMPTE): export it with ticks of a quarter note")
    if notes > MAX_NOTES:
        raise UserError(f"{path}: has {notes:,} notes, of at most {MAX_NOTES:,}: cut it")
    return file


def _timed(track: mido.MidiTrack, ticks_per_beat: int) -> list[tuple[Fraction, Any]]:
    """Return the messages of a track with their times since its start."""
    now, timed = 0, []
    for message in track:
        now += message.time
        timed.append((Fraction(now, ticks_per_beat), message))
    return timed


def _notes(track: mido.MidiTrack, ticks_per_beat: int) -> list[tuple[int, Note, int]]:
    """Return the channel, the note and the velocity of each note of a track; one without an end lasts to its end.

    Notes without duration are left out. If a pitch sounds twice at once, the first that starts is the first to end.
    """
    open_notes: dict[tuple[int, int], deque[tuple[Fraction, int]]] = defaultdict(deque)
    found = []
    timed = _timed(track, ticks_per_beat)
    for time, message in timed:
        if message.type not in ("note_on", "note_off"):
            continue
        started = open_notes[message.channel, message.note]
        if message.type == "note_on" and message.velocity:
            started.append((time, message.velocity))
        elif started:
            start, velocity = started.popleft()
            found.append((message.channel, Note(start, time, message.note), velocity))
    end = timed[-1][0] if timed else Fraction(0)
    for (channel, pitch), started in open_notes.items():
        found += [(channel, Note(start, end, pitch), velocity) for start, velocity in started]
    return [one for one in found if one[1].end > one[1].start]
