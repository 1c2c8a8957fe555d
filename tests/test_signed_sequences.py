"""Provenance of text and of music: statements beside the files, and credentials in the sound of music."""

import functools
import json
import os
import shutil
import wave
from pathlib import Path

import pytest

from gan_lightning.commands import verify as gan_verify
from gan_lightning.modalities.audio import Audio
from gan_lightning.modalities.music import Music
from gan_lightning.provenance import identity
from gan_lightning.provenance.verify import NOT_SIGNED
from tests.music_files import CADENCES

SOUND, NOTES, LINES = Path("signed/000001.wav"), Path("signed/000001.mid"), Path("signed/samples.txt")
TRUSTED = "trusted: urn:gan-lightning:sample:v1 by Jane Doe, Example"
CHECKPOINT = ("--checkpoint", "run", "--seed", 5, "--n", 3)
LEDGER = ("--ledger", "outputs/ledger")


@pytest.fixture
def sign(run, made_once, tmp_path, monkeypatch):
    """Return a function that trains a run, generates three samples and signs them: sign("name", format, …)."""
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "identity"))

    def call(name, format, *arguments):
        def make():
            identity.create("Jane Doe", "Example")
            assert run("train", *arguments).code == 0
            chosen = [f"format={format}", "sign=true", "output=signed"]
            result = run("generate", "checkpoint=run", "n=3", "seed=5", *chosen)
            assert (result.code, result.out) == (0, "signed\n"), result.err

        made_once(f"signed-{name}", tmp_path, make)

    return call


@pytest.fixture
def music(sign):
    sign("music", "audio", *CADENCES)


@pytest.fixture
def text(sign, tmp_path):
    lines = [f"a {color} {thing} ." for color in ("red", "blue", "grey", "pink") for thing in ("dog", "bus", "cat")]
    Path("lines.txt").write_text("\n".join(lines), encoding="utf-8")
    data = ["data=text", f"data.file={tmp_path}/lines.txt", "data.batch_size=4"]
    small = ["max_iterations=2", "trainer=cpu", "callbacks.evaluation=null", "hydra.run.dir=run"]
    sign("text", "files", *data, "model=text_ngram", *small)


@pytest.fixture
def verify(called):
    return functools.partial(called, gan_verify.main)


def change_value(path, at, by):
    """Change one value of the sound in a WAV file, which stays a WAV file without credentials."""
    with wave.open(str(path)) as file:
        settings, frames = file.getparams(), bytearray(file.readframes(file.getnframes()))
    value = int.from_bytes(frames[2 * at : 2 * at + 2], "little", signed=True) + by
    frames[2 * at : 2 * at + 2] = value.to_bytes(2, "little", signed=True)
    with wave.open(str(path), "wb") as file:
        file.setparams(settings)
        file.writeframes(frames)


def test_music_and_its_sound_are_signed(music, verify):
    names = [f"00000{i}.{end}" for i in range(3) for end in ("mid", "mid.intoto.json", "wav")]
    assert sorted(os.listdir("signed")) == [*names, "samples.intoto.json"]
    code, said = verify(*sorted(Path("signed").iterdir()))
    assert code == 0, said
    assert said.splitlines()[3:6] == [
        f"{NOTES}: {TRUSTED}",
        f"{NOTES}.intoto.json: {TRUSTED}",
        f"{SOUND}: trusted: signed by Jane Doe, Example",
    ]


def test_record_of_a_sound(music, verify):
    sound, notes = (one["record"] for one in json.loads(verify(SOUND, NOTES, "--json")[1]))
    assert sound == notes | {"modality": "Audio", "rendered_from": "Music", "content": Audio.digest(SOUND)}
    assert (sound["seed"], sound["index"], notes["rendered_from"]) == (5, 1, None)
    ledger = [json.loads(line) for line in Path("outputs/ledger/records.jsonl").read_bytes().splitlines()]
    assert sound in ledger
    assert len(ledger) == 6


def test_credentials_of_a_sound_name_its_model(music):
    import c2pa

    with SOUND.open("rb") as file, c2pa.Reader("audio/wav", file) as reader:
        store = json.loads(reader.json())
    manifest = store["manifests"][store["active_manifest"]]
    (action,) = manifest["assertions"][0]["data"]["actions"]
    assert (action["action"], action["digitalSourceType"].split("/")[-1]) == ("c2pa.created", "trainedAlgorithmicMedia")
    (model,) = manifest["ingredients"]
    assert (model["title"], model["relationship"]) == ("last.ckpt", "inputTo")


def test_changed_sound_is_tampered(music, verify):
    content = SOUND.read_bytes()
    for at in (50, 4000, len(content) // 2):
        SOUND.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        code, said = verify(SOUND)
        assert (code, said.startswith(f"{SOUND}: tampered: content was changed after signing")) == (1, True), said
    SOUND.write_bytes(content + b"more")
    assert f"{SOUND}: tampered: " in verify(SOUND)[1]


def test_renamed_sound_is_trusted(music, verify):
    other = SOUND.rename("signed/song.txt")
    assert verify(other) == (0, f"{other}: trusted: signed by Jane Doe, Example")
    changed = "signed/samples.intoto.json: tampered: *.wav beside it differs from what was signed"
    assert verify("signed/samples.intoto.json") == (1, changed)


def test_sound_without_credentials(music, verify):
    change_value(SOUND, at=9, by=0)
    assert verify(SOUND) == (1, f"{SOUND}: unknown: {NOT_SIGNED}")
    assert f"{SOUND}: stripped, but in the ledger: record 4, added by Jane Doe" in verify(SOUND, *LEDGER)[1]
    regenerates = f"{SOUND}: regenerates from checkpoint + seed: sample 1 of 3 with seed 5, "
    assert verify(SOUND, *CHECKPOINT) == (1, f"{regenerates}bit for bit")
    change_value(SOUND, at=9, by=1)
    assert verify(SOUND, *CHECKPOINT) == (1, f"{regenerates}each number within 1")
    assert verify(SOUND, *LEDGER) == (1, f"{SOUND}: unknown: {NOT_SIGNED}")
    change_value(SOUND, at=9, by=1)
    assert verify(SOUND, *CHECKPOINT) == (1, f"{SOUND}: unknown: {NOT_SIGNED}")


def test_music_and_sound_without_signatures_regenerate_together(music, verify):
    shutil.copy(NOTES, "bare.mid")
    change_value(shutil.copy(SOUND, "bare.wav"), at=9, by=0)
    said = verify("bare.mid", "bare.wav", *CHECKPOINT)[1]
    assert said.count("regenerates from checkpoint + seed: sample 1 of 3 with seed 5, bit for bit") == 2


def test_changed_note_is_tampered(music, verify, tmp_path):
    content = Music(4, 32).read(NOTES)
    content[0, 0, 0] = 30 if content[0, 0, 0] != 30 else 31
    (other,) = Music(4, 32).write(content, tmp_path)
    other.rename(NOTES)
    changed = "tampered: 000001.mid beside it differs from what was signed"
    assert verify(NOTES) == (1, f"{NOTES}: {changed}")
    assert ": tampered: *.mid beside it differs" in verify("signed/samples.intoto.json")[1]
    assert verify(SOUND)[0] == 0


def test_damaged_sound_is_one_line(music, verify):
    for content in (b"", b"junk", b"RIFF\4\0\0\0WAVE"):
        SOUND.write_bytes(content)
        for options in ((), LEDGER, CHECKPOINT):
            code, said = verify(SOUND, *options)
            assert (code, said.count("\n"), said.startswith(f"{SOUND}: unknown: {NOT_SIGNED}")) == (1, 0, True), said


def test_text_is_signed(text, verify):
    assert sorted(os.listdir("signed")) == ["samples.intoto.json", "samples.txt", "samples.txt.intoto.json"]
    code, said = verify(*sorted(Path("signed").iterdir()))
    assert code == 0, said
    assert f"{LINES}: {TRUSTED}" in said


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [bytes([lines[0][0] ^ 1]) + lines[0][1:], *lines[1:]],
        lambda lines: [lines[0], b"a purple bus .\n", *lines[2:]],
        lambda lines: lines[::-1],
        lambda lines: lines[:-1],
        lambda lines: [b"\xff", *lines],
        lambda lines: [],
    ],
    ids=["a byte", "a line", "order", "a line less", "not UTF-8", "empty"],
)
def test_changed_text_is_tampered(text, verify, change):
    lines = LINES.read_bytes().splitlines(keepends=True)
    LINES.write_bytes(b"".join(change(lines)))
    assert verify(LINES) == (1, f"{LINES}: tampered: samples.txt beside it differs from what was signed")
    code, said = verify("signed/samples.intoto.json", *CHECKPOINT)
    assert (code, said.count("\n"), ": tampered: " in said) == (1, 0, True), said


def test_renamed_text_with_other_line_ends(text, verify):
    """The content is that of the lines, whatever the name of the file and its line ends."""
    other = Path("poem.txt")
    other.write_bytes(LINES.read_bytes().replace(b"\n", b"\r\n"))
    assert verify(other) == (1, f"{other}: unknown: {NOT_SIGNED}")
    assert f"{other}: stripped, but in the ledger: record 0, added by Jane Doe" in verify(other, *LEDGER)[1]
    regenerates = "regenerates from checkpoint + seed: samples 0 to 2 of 3 with seed 5, bit for bit"
    assert verify(other, *CHECKPOINT) == (1, f"{other}: {regenerates}")
    shutil.copy("signed/samples.txt.intoto.json", "poem.txt.intoto.json")
    assert verify(other) == (1, f"{other}: unknown: poem.txt.intoto.json beside it is about another file")
