"""Provenance of samples that are not images, in files that C2PA supports or not."""

import functools
import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from gan_lightning.commands import ledger as gan_ledger
from gan_lightning.commands import verify as gan_verify
from gan_lightning.modalities.image import Images
from gan_lightning.provenance import contents, identity, statements
from gan_lightning.provenance.distances import distances
from gan_lightning.provenance.records import Record, parse_record
from gan_lightning.provenance.statements import SAMPLE, Subject, statement_path
from gan_lightning.provenance.verify import NOT_SIGNED, Verifier
from gan_lightning.runs.checkpoints import load
from tests.pulses import Pulses, PulseTable, write_checkpoint

FOURTH = Path("signed/000003.pulse")
TRUSTED = "trusted: urn:gan-lightning:sample:v1 by Jane Doe, Example"


@pytest.fixture
def sign(run, tmp_path, monkeypatch):
    """Return a function that generates and signs nine samples of a modality, as sign("Pulses")."""
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "identity"))
    identity.create("Jane Doe", "Example")

    def call(modality):
        write_checkpoint(tmp_path / "run", modality)
        arguments = ["checkpoint=run", "trust_code=[tests]", "n=9", "seed=4", "sign=true", "output=signed"]
        result = run("generate", *arguments)
        assert (result.code, result.out) == (0, "signed\n"), result.err

    return call


@pytest.fixture
def signed(sign):
    sign("Pulses")


@pytest.fixture
def verify(called):
    return functools.partial(called, gan_verify.main)


CHECKPOINT = ("--checkpoint", "run", "--trust-code", "tests.pulses", "--trust-code", "tests", "--seed", 4, "--n", 9)


def test_each_file_has_a_statement(signed, verify):
    names = [f"{i:06d}.pulse{end}" for i in range(9) for end in ("", ".intoto.json")]
    assert sorted(os.listdir("signed")) == [*names, "samples.intoto.json"]
    code, said = verify(*sorted(Path("signed").iterdir()))
    assert code == 0, said
    assert said.splitlines()[6] == f"{FOURTH}: {TRUSTED}"
    assert said.count(": trusted: ") == 19
    (found,) = json.loads(verify(FOURTH, "--json")[1])
    assert (found["record"]["index"], found["record"]["modality"]) == (3, "Pulses")
    assert found["record"]["content"] == Pulses.digest(FOURTH)
    lines = Path("outputs/ledger/records.jsonl").read_bytes().splitlines()
    assert asdict(parse_record(lines[3])) == found["record"]


def test_file_with_a_changed_byte_is_tampered(signed):
    verifier, content = Verifier(identity.load().root), FOURTH.read_bytes()
    for at in range(len(content)):
        FOURTH.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        found = verifier.verify(FOURTH)
        assert (found.verdict, found.reason) == ("tampered", "000003.pulse beside it differs from what was signed")
    assert verifier.verify(Path("signed/samples.intoto.json")).verdict == "tampered"
    for damaged in (content + b"more", b"", content[:-2]):
        FOURTH.write_bytes(damaged)
        assert verifier.verify(FOURTH).verdict == "tampered"


def test_file_without_its_statement(signed, verify, called):
    statement_path(FOURTH).unlink()
    assert verify(FOURTH) == (1, f"{FOURTH}: unknown: {NOT_SIGNED}")
    code, said = verify(FOURTH, "--ledger", "outputs/ledger")
    assert (code, ": stripped, but in the ledger: record 3, added by Jane Doe" in said) == (1, True), said
    assert called(gan_ledger.main, "check", "outputs/ledger", "--file", FOURTH)[0] == 0
    regenerates = f"{FOURTH}: regenerates from checkpoint + seed: sample 3 of 9 with seed 4, "
    assert verify(FOURTH, *CHECKPOINT) == (1, f"{regenerates}bit for bit")
    content = bytearray(FOURTH.read_bytes())
    for change, expected in [(1, f"{regenerates}each number within 1"), (2, f"{FOURTH}: unknown: {NOT_SIGNED}")]:
        value = int.from_bytes(content[10:12], "little", signed=True) + change
        FOURTH.write_bytes(content[:10] + value.to_bytes(2, "little", signed=True) + content[12:])
        assert verify(FOURTH, *CHECKPOINT) == (1, expected)


def test_file_with_the_statement_of_another(signed, verify):
    """The ledger may still know a file whose statement was replaced by that of another file."""
    statement_path(FOURTH).write_bytes(statement_path(Path("signed/000002.pulse")).read_bytes())
    said = f"{FOURTH}: unknown: 000003.pulse.intoto.json beside it is about another file"
    assert verify(FOURTH) == (1, said)
    assert ": stripped, but in the ledger: record 3" in verify(FOURTH, "--ledger", "outputs/ledger")[1]


def test_forger_is_unknown(signed, verify, tmp_path, monkeypatch):
    identity.export(Path("root.pem"))
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "forger"))
    forger = identity.create("Jane Doe", "Example")
    record = record_of(FOURTH)
    state(forger, record)
    code, said = verify(FOURTH, "--trust-root", "root.pem")
    assert (code, said.startswith(f"{FOURTH}: valid but unknown signer: ")) == (1, True), said


def record_of(path):
    return Verifier(identity.load().root).verify(path).record


def state(one, record, content=None):
    """Sign a statement about the fourth file with any record."""
    subject = Subject(name=FOURTH.name, digest={"sha256": statements.file_digest(FOURTH)})
    subject["digest"][statements.CONTENT] = content or record.content
    statements.write_statement(one, [subject], SAMPLE, asdict(record), statement_path(FOURTH))


@pytest.mark.parametrize(
    ("change", "content", "expected"),
    [
        ({"content": "0" * 64}, None, "its record is about other content"),
        ({"modality": "Images"}, None, "its record is about other content"),
        ({}, "0" * 64, "holds no record of the file it is about"),
        ({"seed": -1}, None, "holds no record of the file it is about"),
    ],
)
def test_record_of_another_file_is_tampered(signed, verify, change, content, expected):
    record = record_of(FOURTH)
    state(identity.load(), replace(record, **change), content)
    for path in (FOURTH, statement_path(FOURTH)):
        assert verify(path) == (1, f"{path}: tampered: {expected}")


def test_unknown_modality(signed, verify, monkeypatch):
    monkeypatch.setattr(contents, "modalities", lambda packages: [Images])
    code, said = verify(FOURTH)
    expected = "its content was not compared with its record: the modality 'Pulses' is unknown: give --trust-code"
    assert (code, said.startswith(f"{FOURTH}: {TRUSTED}; {expected}")) == (0, True), said
    assert ": unknown: the modality 'Pulses' is unknown" in verify("signed/samples.intoto.json")[1]
    statement_path(FOURTH).unlink()
    assert verify(FOURTH) == (1, f"{FOURTH}: unknown: {NOT_SIGNED}")
    said = verify(FOURTH, "--ledger", "outputs/ledger")[1]
    assert "no modality reads files of such a name, so its content cannot be looked up: give --trust-code" in said


def test_file_of_another_modality(signed, verify):
    Image.new("L", (28, 28)).save("a.png")
    expected = f"a.png: unknown: {NOT_SIGNED}; the checkpoint generates Pulses, and this is Images"
    assert verify("a.png", *CHECKPOINT) == (1, expected)


def test_all_samples_in_one_file(sign, verify):
    sign("PulseTable")
    table = Path("signed/all.pulses")
    assert sorted(os.listdir("signed")) == ["all.pulses", "all.pulses.intoto.json", "samples.intoto.json"]
    assert verify(table, "signed/samples.intoto.json")[0] == 0
    record = record_of(table)
    assert (record.index, record.n, record.content) == (None, 9, PulseTable.digest(table))
    statement_path(table).unlink()
    regenerates = f"{table}: regenerates from checkpoint + seed: samples 0 to 8 of 9 with seed 4, bit for bit"
    assert verify(table, *CHECKPOINT) == (1, regenerates)
    table.write_bytes(table.read_bytes()[:-2] + b"\0\0")
    assert verify(table, *CHECKPOINT) == (1, f"{table}: unknown: {NOT_SIGNED}")


def test_audio_files_hold_credentials(sign, verify):
    sign("Sounds")
    path = Path("signed/000003.sound.wav")
    assert len(os.listdir("signed")) == 10
    assert verify(path, "signed/samples.intoto.json")[0] == 0
    assert verify(path)[1] == f"{path}: trusted: signed by Jane Doe, Example"
    renamed = path.rename("signed/a.txt")  # the type is detected from the content
    assert verify(renamed)[1] == f"{renamed}: trusted: signed by Jane Doe, Example"
    content = renamed.read_bytes()
    renamed.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])
    assert ": tampered: " in verify(renamed)[1]


def test_file_that_is_too_large_for_a_manifest(signed, verify, monkeypatch):
    for module in ("credentials_reader", "verify"):
        monkeypatch.setattr(f"gan_lightning.provenance.{module}.MAX_BYTES", 10)
    assert verify(FOURTH) == (0, f"{FOURTH}: {TRUSTED}")
    statement_path(FOURTH).unlink()
    expected = "larger than 10 bytes, not searched for a manifest, and no statement lies beside it"
    assert verify(FOURTH) == (1, f"{FOURTH}: unknown: {expected}")


def test_file_that_its_modality_cannot_read(sign, verify):
    sign("Sounds")
    path = Path("broken.sound.wav")
    path.write_bytes(b"junk")
    expected = f"{NOT_SIGNED}; cannot be read as Sounds (EOFError)"
    assert verify(path, "--ledger", "outputs/ledger") == (1, f"{path}: unknown: {expected}")
    assert verify(path, *CHECKPOINT) == (1, f"{path}: unknown: {expected}")


def test_record_cannot_name_a_file_to_read(signed, tmp_path):
    """A foreign record must not make us read a file of ours."""
    Path("7").write_text("secret")
    trained = load("run", ["tests"])
    verifier = Verifier(b"", checkpoint=trained)
    record = replace(record_of(FOURTH), condition="7")
    assert verifier._recipe(record) is None
    Path("7").unlink()
    assert verifier._recipe(record) == (4, 9, "7", record.weights, 1.0)
    for change in ({"n": 2**17 + 1}, {"index": 9}, {"checkpoint": "0" * 64}, {"weights": "ema"}):
        assert verifier._recipe(replace(record, condition=None, **change)) is None


def testdistances():
    image, sound = torch.tensor([[0, 255], [9, 9]]).byte(), torch.tensor([[0.0], [torch.nan]])
    found = distances({"image": image, "sound": sound}, {"image": image[:1], "sound": sound[:1]})
    assert found.tolist() == [0, torch.inf]
    assert distances(image, image[1:]).tolist() == [246, 0]


def test_record_survives_json():
    record = Record("c" * 64, "d" * 64, "ema", 0, 1, None, "sha256:0", "Pulses", "e" * 64)
    assert parse_record(json.dumps(asdict(record))) == record
