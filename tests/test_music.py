"""The modality of music: MIDI files in and out, piano rolls and sound."""

import wave

import mido
import numpy as np
import pytest
import symusic
import torch

from gan_lightning.errors import UserError
from gan_lightning.modalities.modality import modality_of
from gan_lightning.modalities.music import Music
from gan_lightning.modalities.music_codes import FIRST_PITCH, HOLD, REST, canonical, cut, sounding, tie
from gan_lightning.modalities.synthesis import RATE, frequency
from tests.music_files import write_midi

MUSIC = Music(4, 32)


def random_content(n=20, seed=0, music=MUSIC):
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(0, music.blocks[0], (n, music.length, music.voices), generator=generator)
    codes[torch.rand(codes.shape, generator=generator) < 0.6] = HOLD
    return music.from_codes(codes)


def pitches(music, content):
    """Return the pitches of the only sample, 0 for a hold and −1 for a rest, one list for each voice."""
    codes = content[0].int()
    found = torch.where(codes >= FIRST_PITCH, codes - FIRST_PITCH + music.lowest, torch.where(codes == HOLD, 0, -1))
    return found.T.tolist()


def test_modality_reads_midi_files():
    assert modality_of("a.mid") is Music
    assert modality_of("a.MIDI") is Music


def test_blocks_and_shapes():
    assert MUSIC.blocks == [48] * 4
    assert MUSIC.sample_shape == (32, 192)
    content = random_content()
    sample = MUSIC.encode(content)
    assert sample.shape == (20, 32, 192)
    assert sample.sum(2).eq(4).all()
    assert torch.equal(MUSIC.decode(sample), content)


def test_nothing_is_held_where_nothing_sounds():
    codes = torch.tensor([[HOLD, REST, HOLD, 5, HOLD, REST, HOLD]])[..., None]
    assert canonical(codes).flatten().tolist() == [REST, REST, REST, 5, HOLD, REST, REST]
    assert sounding(codes).flatten().tolist() == [REST, REST, REST, 5, 5, REST, REST]
    assert tie(sounding(codes)).flatten().tolist() == [REST, REST, REST, 5, HOLD, REST, REST]


def test_windows_start_with_the_note_that_is_held_into_them():
    piece = torch.tensor([5, HOLD, HOLD, 7, HOLD, REST])[:, None]
    assert cut(piece, 2, 2).squeeze(2).tolist() == [[5, HOLD], [5, 7], [7, REST]]
    assert cut(piece, 8, 2).shape == (0, 8, 1)


def test_written_files_are_read_exactly(tmp_path):
    content = random_content(24)
    content[0] = REST  # silence
    content[1, :, 2] = REST  # a silent voice
    content[2, 5:] = REST
    for i, path in enumerate(MUSIC.write(content, tmp_path)):
        assert torch.equal(MUSIC.read(path)[0], content[i]), path
        assert mido.MidiFile(path).length == pytest.approx(MUSIC.length * 0.3)  # seconds, also of rests at the end
    assert torch.equal(MUSIC.read(tmp_path), content)


@pytest.mark.parametrize("music", [Music(1, 12, 4, 3, 40, 90), Music(4, 16, 1)])
def test_other_grids_are_read_exactly(tmp_path, music):
    content = random_content(5, music=music)
    music.write(content, tmp_path)
    assert torch.equal(music.read(tmp_path), content)


def test_another_library_reads_the_same_notes(tmp_path):
    content = random_content(1, 3)
    (path,) = MUSIC.write(content, tmp_path)
    file = symusic.Score(path)
    assert [(one.time, one.qpm) for one in file.tempos] == [(0, 100)]
    assert [(one.time, one.numerator, one.denominator) for one in file.time_signatures] == [(0, 4, 4)]
    assert [one.name for one in file.tracks] == ["Soprano", "Alto", "Tenor", "Bass"]
    step = file.ticks_per_quarter / 2
    found = [sorted((n.start / step, n.end / step, n.pitch) for n in one.notes) for one in file.tracks]
    assert found == [[(n.start * 2, n.end * 2, n.pitch) for n in part] for part in MUSIC.notes(content[0])]


def test_digest_is_of_the_music_and_not_of_its_container(tmp_path):
    voices = [[(0, 1, 60, 0), (1, 2, 62, 0)], [(0, 2, 48, 1)]]
    first = write_midi(tmp_path / "a.mid", *voices)
    same = [
        write_midi(tmp_path / "b.mid", voices[0] + voices[1], kind=0),
        write_midi(tmp_path / "c.mid", *reversed(voices), ticks=96),
    ]
    named = mido.MidiFile(first)
    named.tracks[0].insert(0, mido.MetaMessage("track_name", name="x"))
    named.tracks[1].append(mido.MetaMessage("end_of_track", time=500))
    named.save(tmp_path / "d.mid")
    different = [
        write_midi(tmp_path / "e.mid", voices[0], [(0, 2, 49, 1)]),
        write_midi(tmp_path / "f.mid", voices[0], [(0, 1.5, 48, 1)]),
        write_midi(tmp_path / "g.mid", voices[0], [(0, 2, 48, 2)]),
    ]
    digests = [Music.digest(path) for path in (first, *same, tmp_path / "d.mid")]
    assert len(set(digests)) == 1
    assert not set(digests) & {Music.digest(path) for path in different}


def test_digest_does_not_depend_on_running_status(tmp_path):
    plain = write_midi(tmp_path / "a.mid", [(0, 1, 60, 0), (1, 2, 62, 0)], kind=0)
    events = "00 90 3c 46  83 60 3c 00  00 3e 46  83 60 3e 00  00 ff 2f 00"  # ends are starts without velocity
    track = bytes.fromhex(events)
    header = bytes.fromhex("00 00 00 06  00 00  00 01  01 e0")
    running = tmp_path / "b.mid"
    running.write_bytes(b"MThd" + header + b"MTrk" + len(track).to_bytes(4, "big") + track)
    assert Music.digest(running) == Music.digest(plain)


def test_foreign_notes_move_to_the_grid(tmp_path):
    music = Music(1, 8)
    notes = [(0.02, 0.95, 60, 3), (1.03, 1.4, 62, 3), (1.5, 1.75, 64, 3), (1.75, 2, 65, 3), (2, 3.02, 67, 3)]
    found = pitches(music, music.read(write_midi(tmp_path / "a.mid", notes)))
    assert found == [[60, 0, 62, 64, 67, 0, -1, -1]]  # 65 falls on the step of 67, which is nearer


def test_note_without_an_end_lasts_to_the_end_of_its_track(tmp_path):
    path = write_midi(tmp_path / "a.mid", [], [(0, 1, 60, 0), (2, 3, 62, 0)])
    file = mido.MidiFile(path)
    file.tracks[1][-2:] = [mido.MetaMessage("end_of_track", time=720)]  # in place of the last end of a note
    file.save(path)
    music = Music(1, 8)
    assert pitches(music, music.read(path)) == [[60, 0, -1, -1, 62, 0, 0, -1]]


def test_foreign_parts_are_voices_and_percussion_is_none(tmp_path):
    parts = [[(0, 1, 40, 0)], [(0, 1, 72, 1)], [(0, 1, 50, 2)], [(0, 1, 60, 3)], [(0, 1, 38, 9)]]
    assert [one[0] for one in pitches(MUSIC, MUSIC.read(write_midi(tmp_path / "a.mid", *parts)))] == [40, 72, 50, 60]


def test_chords_in_one_track_are_voices_by_their_pitch(tmp_path):
    chords = [(0, 1, 48, 0), (0, 1, 72, 0), (0, 1, 60, 0), (0, 2, 67, 0)]
    chords += [(1, 2, 50, 0), (1, 2, 71, 0), (1, 1.5, 62, 0)]
    music = Music(4, 4)
    found = pitches(music, music.read(write_midi(tmp_path / "a.mid", chords)))
    assert found == [[72, 0, 71, 0], [67, 0, 0, 0], [60, 0, 62, -1], [48, 0, 50, 0]]


@pytest.mark.parametrize(
    ("tracks", "settings", "message"),
    [
        ([[(0, 1, 60, 0)]], {"metre": (3, 4)}, "is in 3/4 time, and the data in 4/4"),
        ([[(0, 20, 60, 0)]], {}, "is 5 bars long, and a sample has 4"),
        ([[(0, 1, 50 + i, 0) for i in range(5)]], {}, "has 5 notes at once in quarter 1, and there are 4 voices"),
        ([[(0, 1, 36, 9)]], {}, "has no notes, other than percussion"),
        ([[]], {}, "has no notes"),
        ([[(0, 1, 90, 0)]], {}, "has pitches 90 to 90, and the data take 36 to 81"),
        ([[(0, 1, 60, 0)]], {"kind": 2}, "several independent sequences"),
        ([[(0, 1, 60, 0)]], {"ticks": 0x8000 + 480}, "counts seconds instead of beats"),
    ],
)
def test_files_that_do_not_fit_are_refused_in_one_line(tmp_path, tracks, settings, message):
    ticks = settings.pop("ticks", 480)
    path = write_midi(tmp_path / "a.mid", *tracks, **settings)
    if ticks != 480:
        content = bytearray(path.read_bytes())
        content[12:14] = ticks.to_bytes(2, "big")
        path.write_bytes(content)
    with pytest.raises(UserError) as error:
        MUSIC.read(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"MThd", b"RIFF" + bytes(100)])
def test_damaged_files_are_refused(tmp_path, content):
    path = tmp_path / "a.mid"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a readable MIDI file"):
        Music.digest(path)


def test_truncated_file_is_refused(tmp_path):
    (path,) = MUSIC.write(random_content(1), tmp_path)
    whole = path.read_bytes()
    for length in range(20, len(whole) - 1, 37):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError):
            MUSIC.read(path)


def test_arrays_with_other_values_are_refused():
    content = random_content(2)
    with pytest.raises(UserError, match="has the value 48"):
        MUSIC.check(torch.where(content == 20, 48, content).to(torch.uint8))
    content[0, 0, 0] = HOLD
    with pytest.raises(UserError, match="holds a note \\(0\\) where none sounds"):
        MUSIC.check(content)


def test_sheet_shows_each_voice_in_its_color():
    content = torch.full((3, 32, 4), REST, dtype=torch.uint8)
    content[0, 0] = torch.tensor([40, 30, 20, 10])
    content[0, 1:4] = HOLD
    sheet = MUSIC.sheet(content, columns=2)
    first = sheet[: sheet.shape[0] // 2, : sheet.shape[1] // 2]
    colors = {tuple(color) for color in first.reshape(-1, 3).tolist() if len(set(color)) > 1}
    assert len(colors) == 8  # of four voices and of the starts of their notes
    assert all(len(set(color)) == 1 for color in sheet[sheet.shape[0] // 2 :].reshape(-1, 3).tolist())


def test_sound_has_the_pitches_of_the_notes(tmp_path):
    content = torch.full((1, 32, 4), REST, dtype=torch.uint8)
    chord = [69, 64, 57, 45]
    content[0, 8] = torch.tensor([pitch - MUSIC.lowest + FIRST_PITCH for pitch in chord])
    content[0, 9:16] = HOLD
    (path,) = MUSIC.audio.write(MUSIC.sound(content), tmp_path)
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)
    assert abs(len(sound) / RATE - 32 * 0.3) < 0.1  # eighths of 100 quarters a minute
    start, end = int(8 * 0.3 * RATE), int(16 * 0.3 * RATE)
    assert not sound[: start - 1].any()
    assert not sound[end + RATE // 10 :].any()
    spectrum = np.abs(np.fft.rfft(sound[start:end] * np.hanning(end - start)))
    frequencies = np.fft.rfftfreq(end - start, 1 / RATE)
    local = np.flatnonzero((spectrum[1:-1] > spectrum[:-2]) & (spectrum[1:-1] > spectrum[2:])) + 1
    peaks = frequencies[local[spectrum[local] > 0.02 * spectrum.max()]]
    for pitch in chord:
        assert np.abs(peaks - frequency(pitch)).min() < 1.5
    harmonics = [k * frequency(pitch) for pitch in chord for k in range(1, 6)]
    assert all(min(abs(peak - one) for one in harmonics) < 2 for peak in peaks)
    assert frequency(69) == 440
    assert np.abs(sound).max() < 2**15 - 1


def test_tensorboard_gets_a_sheet_and_a_sound(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        MUSIC.log(writer, "samples", random_content(4), 7)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert events.Tags()["images"] == ["samples"]
    (audio,) = events.Audio("samples")
    assert (audio.step, audio.sample_rate) == (7, RATE)
