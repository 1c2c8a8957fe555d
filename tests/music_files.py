"""Small files and runs of music for tests."""

import json

import mido

from gan_lightning.data.chorales import FILE

SMALL = [
    "model=mlp",
    "model.generator.hidden_dims=[16]",
    "model.discriminator.hidden_dims=[16]",
    "trainer=cpu",
    "hydra.run.dir=run",
    "max_iterations=2",
    "data.batch_size=8",
]
CADENCES = ["data=cadences", "data.cadences=60", "data.test_cadences=20", "callbacks.evaluation=null", *SMALL]


def write_midi(path, *tracks, kind=1, ticks=480, **settings):
    """Write a MIDI file with tracks of (start, end, pitch, channel) in quarter notes."""
    file = mido.MidiFile(type=kind, ticks_per_beat=ticks)
    for notes in tracks:
        events = [
            event
            for start, end, pitch, channel in notes
            for event in ((end, "note_off", pitch, channel), (start, "note_on", pitch, channel))
        ]
        track, now = mido.MidiTrack(), 0
        if "metre" in settings and not file.tracks:
            upper, lower = settings["metre"]
            track.append(mido.MetaMessage("time_signature", numerator=upper, denominator=lower))
        for time, name, pitch, channel in sorted(events):
            at = round(time * ticks)
            track.append(mido.Message(name, note=pitch, channel=channel, velocity=70, time=at - now))
            now = at
        file.tracks.append(track)
    file.save(path)
    return path


def write_chorales(path):
    """Write small pieces in place of the chorales: a scale of G major in four voices, in different keys."""
    scale = [0, 2, 4, 5, 7, 9, 11, 12, 11, 9, 7, 5, 4, 2, 0, 0, 4, 4, 0, 0]
    pieces = [
        [[67 + tone + key, 59 + key, 50 + key, 43 + key] for tone in scale for _ in range(4)] for key in (0, 2, -3)
    ]
    pieces[0][:16] = [[-1, 59, 50, 43]] * 16
    path.mkdir()
    (path / FILE).write_text(json.dumps({"train": pieces, "valid": pieces[:1], "test": pieces[1:]}), encoding="utf-8")


def write_pieces(folder, n=6):
    """Write n pieces of eight bars in four parts, and files that cannot be used."""
    folder.mkdir()
    for i in range(n):
        parts = [
            [(t, t + 1, pitch + (t + i) % 3, voice) for t in range(32)] for voice, pitch in enumerate((70, 64, 57, 45))
        ]
        write_midi(folder / f"{i}.mid", *parts)
    write_midi(folder / "waltz.mid", [(0, 1, 60, 0)], metre=(3, 4))
    write_midi(folder / "short.mid", [(0, 1, 60, 0)])
    write_midi(folder / "drums.mid", [(0, 1, 36, 9)])
    write_midi(folder / "high.mid", [(0, 1, 100, 0)])
    for i in range(2):
        write_midi(folder / f"dense{i}.mid", [(0, 1, 50 + j, 0) for j in range(6 + i)])
    (folder / "broken.mid").write_bytes(b"MThd")
    (folder / "notes.txt").write_text("no music", encoding="utf-8")
