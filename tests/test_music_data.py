"""Music as data: cadences, chorales and folders of MIDI files, through the commands."""

import wave
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from gan_lightning.config.resolvers import music_blocks, music_shape
from gan_lightning.data.cadences import HELD_OUT, Cadences, with_passing_notes
from gan_lightning.data.chorales import Chorales
from gan_lightning.data.harmony import CHORDS, KEYS, SCALES, progressions, voice, voicings
from gan_lightning.data.midi_folder import MidiFolder
from gan_lightning.data.transpositions import to_common_key
from gan_lightning.errors import UserError
from gan_lightning.modalities.music import Music
from gan_lightning.modalities.music_codes import FIRST_PITCH, sounding
from tests.music_files import CADENCES, SMALL, write_chorales, write_midi, write_pieces

BLOCKS = music_blocks(4, 36, 81)
SETTINGS = {
    "voices": 4,
    "bars": 4,
    "metre": 4,
    "steps_per_quarter": 2,
    "lowest": 36,
    "highest": 81,
    "harmonize": False,
    "batch_size": 8,
    "blocks": BLOCKS,
    "sample_shape": music_shape(4, 4, 2, BLOCKS),
    "condition_shape": music_shape(4, 4, 2, BLOCKS[:1]),
    "num_classes": None,
    "seed": 0,
}


@pytest.fixture(scope="module")
def cadences():
    data = Cadences(300, 40, **SETTINGS)
    data.setup("test")
    return data


def test_progressions_are_cadences():
    for mode in SCALES:
        found = progressions(mode, 8)
        assert len(found) == len(set(found)) > 200
        assert all(one[0] == "I" and one[-2:] == ("V", "I") for one in found)


def test_voicings_are_complete_chords():
    for mode, chords in CHORDS.items():
        for name, chord in chords.items():
            found = voicings(mode, name)
            assert len(found) > 5
            assert (found[:, 3] % 12 == chord.tones[chord.bass]).all()
            assert all(set(one % 12) == set(chord.tones) for one in found)
            assert ((found % 12 == 11).sum(1) <= 1).all()


@pytest.mark.parametrize("mode", ["major", "minor"])
def test_voices_lead_without_parallels(mode):
    random = np.random.default_rng(0)
    for progression in progressions(mode, 8)[::20]:
        voiced, _ = voice(mode, progression, random.integers(0, len(KEYS), 20), random)
        assert (np.diff(voiced, axis=2) < 0).all()
        for one in voiced:
            for before, after in pairwise(one):
                for a, b in combinations(range(4), 2):
                    intervals = (before[a] - before[b]) % 12, (after[a] - after[b]) % 12
                    moves = before[a] != after[a] and before[b] != after[b]
                    assert not (moves and intervals[0] == intervals[1] and intervals[0] in (0, 7))


@pytest.mark.parametrize("mode", ["major", "minor"])
def test_leaps_are_small_and_leading_tones_rise(mode):
    random = np.random.default_rng(0)
    leading = 0
    for progression in progressions(mode, 8)[::20]:
        voiced, tonics = voice(mode, progression, random.integers(0, len(KEYS), 20), random)
        motion = np.diff(voiced, axis=1)
        assert (np.abs(motion) <= [7, 7, 7, 12]).all()
        assert not (np.abs(motion) == 6).any()  # a tritone
        degrees = (voiced - np.array(KEYS)[tonics, None, None]) % 12
        is_third = np.abs(motion) == 3
        ends = set(zip(degrees[:, :-1][is_third].tolist(), degrees[:, 1:][is_third].tolist(), strict=True))
        assert mode == "major" or not ends & {(8, 11), (11, 8)}  # an augmented second
        for i, (name, following) in enumerate(pairwise(progression)):
            if name in ("V", "V6", "vii6") and following in ("I", "I6", "vi"):
                rises = motion[:, i, 0][degrees[:, i, 0] == 11]
                assert (rises == 1).all()
                leading += len(rises)
    assert leading > 20


def test_cadences_are_distinct_and_in_all_keys(cadences):
    content = cadences.examples.content
    assert content.shape == (300, 32, 4)
    assert len(torch.unique(content.flatten(1), dim=0)) == 300
    basses = (sounding(content)[:, -1, 3].int() - FIRST_PITCH + 36) % 12
    assert len(basses.unique()) == 12
    assert torch.equal(content, Cadences(300, 40, **SETTINGS).load().content)


def test_held_out_progressions_are_not_in_training(cadences):
    def shapes(content):
        """Return the pitch classes above the bass on each half note, and its motion: the progression."""
        heard = sounding(content)[:, ::4].int()
        return {tuple(((one - one[-1, 3]) % 12).sort(1).values.flatten().tolist()) for one in heard}

    held_out, known = shapes(cadences.test_examples.content), shapes(cadences.examples.content)
    assert len(held_out - known) > 0.8 * len(held_out)  # voices may double other tones of one progression
    assert HELD_OUT == 0.1


def test_some_chords_end_in_a_passing_note(cadences):
    content = cadences.examples.content
    starts = (content >= FIRST_PITCH)[:, 3::4].any(2).float().mean()
    assert 0.1 < starts < 0.7
    assert not (content >= FIRST_PITCH)[:, 1::4].any()


@pytest.mark.parametrize("mode", ["major", "minor"])
def test_some_thirds_have_passing_notes_of_the_scale(mode):
    random = np.random.default_rng(0)
    voiced, tonics = voice(mode, progressions(mode, 8)[7], random.integers(0, len(KEYS), 300), random)
    tonics = np.array(KEYS)[tonics]
    eighths = with_passing_notes(voiced, tonics, mode, random)
    assert (eighths.reshape(len(voiced), -1, 4, 4)[:, :, :3] == voiced[:, :, None]).all()
    before, passing, after = voiced[:, :-1], eighths[:, 3:-1:4], voiced[:, 1:]
    moved = passing != before
    assert (moved.sum(2) <= 1).all()
    between = (before < passing) & (passing < after) | (after < passing) & (passing < before)
    in_scale = np.isin((passing - tonics[:, None, None]) % 12, SCALES[mode])
    third = np.isin(np.abs(after - before), (3, 4))
    assert (between & in_scale & third)[moved].all()
    possible = np.zeros(third.shape, bool)  # there is a note of the scale between the two
    for step in (1, 2, 3):
        note = before + step * np.sign(after - before)
        inside = (np.abs(after - before) > step) & np.isin((note - tonics[:, None, None]) % 12, SCALES[mode])
        possible |= third & inside
    assert 0.4 < moved.any(2).sum() / possible.any(2).sum() < 0.65


def test_soprano_is_the_condition_and_its_file_is_read(run, tmp_path):
    data = Cadences(20, 10, **SETTINGS | {"harmonize": True})
    data.setup("test")
    assert isinstance(data.condition, Music)
    assert data.condition.voices == 1
    assert torch.equal(data.examples.condition, data.examples.content[:, :, :1])
    assert data.batch(data.examples).condition.shape == (20, 32, 48)
    data.condition.write(data.examples.condition[:1], tmp_path)
    assert torch.equal(data.condition.read(tmp_path / "000000.mid"), data.examples.condition[:1])
    assert data.sample_conditions(5, 0).shape == (5, 32, 48)


def test_chorales_are_cut_on_bars_and_transposed(tmp_path):
    write_chorales(tmp_path / "jsb")
    found = {}
    for how in ("augment", "common_key", "none"):
        data = Chorales(str(tmp_path / "jsb"), False, None, how, **SETTINGS)
        data.setup("test")
        found[how] = data.examples.content, data.test_examples.content
    assert [len(found["none"][0]), len(found["none"][1])] == [6, 3]  # windows each bar; test windows do not overlap
    assert len(found["augment"][0]) > 4 * len(found["none"][0])
    first = found["none"][0][0]
    assert first[0].tolist() == [1, 59 - 34, 50 - 34, 43 - 34]
    assert (first[1:8, 1:] == 0).all()  # equal neighbours are one note
    heard = sounding(found["common_key"][0])
    classes = {(int(one) - FIRST_PITCH + 36) % 12 for one in heard[heard >= FIRST_PITCH].unique()}
    assert classes == set(SCALES["major"])
    assert to_common_key(found["none"][0][2], 36) == 3


def test_real_chorales_have_the_official_split(real_data):
    sha256 = "79294cc374f9252e95ef4b703161524c1c53dc1f712c236f00f1c1f5d54af5a7"
    data = Chorales(str(real_data("jsb_chorales")), False, sha256, "none", **SETTINGS)
    data.setup("test")
    assert [len(data.examples.content), len(data.test_examples.content)] == [2718, 531]


def test_folder_says_which_files_it_leaves_out_and_why(tmp_path, caplog):
    write_pieces(tmp_path / "midi")
    data = MidiFolder(str(tmp_path / "midi"), "none", 0.2, 0, **SETTINGS)
    with caplog.at_level("INFO"):
        data.setup("test")
    assert len(data.examples.content) == 5 * 5  # five windows of eight bars, of five files
    assert len(data.test_examples.content) == 2
    said = caplog.messages[-1]
    assert "6 of 13 MIDI files; left out: 2 with more notes at once than voices" in said
    for reason in ("1 with pitches out of range", "1 not a readable MIDI file", "1 has no notes", "1 others"):
        assert reason in said


def test_each_window_of_a_folder_is_tested_once_or_none_is(tmp_path):
    write_pieces(tmp_path / "midi")
    for share, expected in ((0.2, 2), (0, None)):
        data = MidiFolder(str(tmp_path / "midi"), "augment", share, 0, **SETTINGS)
        data.setup("test")
        assert (data.test_examples and len(data.test_examples.content)) == expected
        assert len(data.examples.content) > 25


@pytest.mark.slow
def test_folder_of_generated_music_is_not_trained_on(run, trained_once):
    trained_once("cadences", *CADENCES)
    assert run("generate", "checkpoint=run", "n=4", "format=files", "output=made").code == 0
    result = run("train", "data=midi", "data.root=made", *SMALL, "hydra.run.dir=other")
    assert result.code == 2
    assert "data.root=made: no MIDI files (.mid, .midi) in it or below" in result.err


def test_music_is_generated_as_midi_sound_and_sheet(run, trained_once):
    trained_once("cadences", *CADENCES)
    assert run("generate", "checkpoint=run", "n=3", "format=audio", "output=heard").code == 0
    assert sorted(path.name for path in Path("heard").iterdir() if path.name[0] != ".") == [
        f"00000{i}.{kind}" for i in range(3) for kind in ("mid", "wav")
    ]
    with wave.open("heard/000000.wav") as file:
        assert file.getnframes() > 9 * file.getframerate()
    assert run("generate", "checkpoint=run", "n=3", "output=sheet.png").code == 0
    assert run("generate", "checkpoint=run", "n=3", "format=arrays", "output=a.npz").code == 0
    with np.load("a.npz") as arrays:
        assert torch.equal(Music(4, 32).read(Path("heard")), torch.from_numpy(arrays["samples"]))


def test_images_have_no_sound(run):
    assert run("train", "data=digits", *SMALL, "callbacks.evaluation=null").code == 0
    result = run("generate", "checkpoint=run", "n=3", "format=audio")
    assert result.code == 2
    assert "format=audio: Images have no audio: choose one of sheet, files, arrays" in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data=midi"], "data.root is not set"),
        (["data=midi", "data.root=none"], "data.root=none: no such folder"),
        (
            ["data=midi", "data.root=useless"],
            "of 2 MIDI files can be used: 1 is in 3/4 time; 1 has no notes",
        ),
        (["data=chorales", "data.root=none", "data.download=false"], "data.download=true, put https://"),
        (["data=chorales", "data.root=jsb"], "expected SHA-256 79294cc3"),
        (["data=chorales", "data.root=jsb", "data.sha256=null", "data.bars=9"], "no chorale has 72 steps"),
        (["data=cadences", "data.bars=5"], "data.bars=5: cadences have 2 to 4 bars"),
        (["data=cadences", "data.voices=1"], "data.voices=1: cadences have data.voices=4"),
        (["data=cadences", "data.blocks=[1]"], "data.blocks=[1]: must be [48, 48, 48, 48]"),
        (
            ["data=midi", "data.root=.", "data.voices=1", "data.harmonize=true"],
            "data.harmonize=true: adds voices",
        ),
        (["data=cadences", "data.highest=128"], "highest=128: must be MIDI pitches"),
        (["data=cadences", "data.highest=60"], "data.highest=60: cadences need"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else value[:20],
)
def test_bad_data_is_refused_in_one_line(run, tmp_path, arguments, message):
    write_chorales(tmp_path / "jsb")
    (tmp_path / "useless").mkdir()
    write_midi(tmp_path / "useless" / "a.mid", [(0, 1, 60, 0)], metre=(3, 4))
    write_midi(tmp_path / "useless" / "b.mid", [(0, 1, 36, 9)])
    result = run("train", *arguments, *SMALL)
    assert result.code == 2
    assert message in result.err.splitlines()[-1]
    assert "Traceback" not in result.err


def test_condition_needs_four_voices():
    with pytest.raises(UserError, match=r"set data\.voices=4"):
        Cadences(2, 2, **SETTINGS | {"voices": 1, "harmonize": True})
