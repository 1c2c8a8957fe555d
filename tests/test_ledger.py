"""Ledgers: concurrent writers, crashes and tampering; proofs that hold without the ledger."""

import functools
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from gan_lightning.commands import ledger as gan_ledger
from gan_lightning.errors import UserError
from gan_lightning.modalities.image import Images
from gan_lightning.provenance import identity, ledger
from gan_lightning.provenance.ledger import RECORDS, ROOTS, LedgerChanged
from gan_lightning.provenance.merkle import Tree, inclusion_proof, leaf_hash
from gan_lightning.provenance.records import Record

HERE = Path("ledger")


def records(names):
    """Return a record for each name."""
    return [
        Record("c" * 64, "d" * 64, "ema", 0, len(names), i, None, "Images", hashlib.sha256(name.encode()).hexdigest())
        for i, name in enumerate(names)
    ]


def digest(name):
    return records([name])[0].content


@pytest.fixture
def jane(tmp_path, monkeypatch):
    """Return an identity; the working directory holds its ledger, to which records were added three times."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "jane"))
    one = identity.create("Jane Doe", "Example")
    for names in ("ab", "cde", "f"):
        ledger.append_records(HERE, one, records(names))
    return one


@pytest.fixture
def john(jane, tmp_path, monkeypatch):
    """Return another identity with the same names."""
    with monkeypatch.context() as context:
        context.setenv("GAN_IDENTITY_DIR", str(tmp_path / "john"))
        return identity.create("Jane Doe", "Example")


@pytest.fixture
def command(jane, called):
    """Return a function that runs gan-ledger, as command("check", "ledger", …)."""
    return functools.partial(called, gan_ledger.main)


def test_content_of_a_ledger(jane, command):
    held = ledger.read_ledger(HERE, jane.root)
    assert held.lines == (HERE / RECORDS).read_bytes().splitlines()
    assert [(root.claim.first, root.claim.size) for root in held.roots] == [(0, 2), (2, 5), (5, 6)]
    assert held.roots[-1].claim.root == Tree(map(leaf_hash, held.lines)).root.hex()
    for i, name in enumerate("abcdef"):
        index, root = held.find(digest(name))
        assert (index, root.claim.first <= index < root.claim.size, root.signature.trusted) == (i, True, True)
    assert held.find(digest("g")) is None
    code, said = command("check", HERE)
    assert (code, said.startswith("unchanged: 6 records, 3 roots; newest: 6 records, root ")) == (0, True)
    code, said = command("root", HERE)
    assert (code, f"root {held.roots[-1].claim.root}, signed by Jane Doe, Example, 2" in said) == (0, True)


def lines_of(name, change):
    """Return a function that changes the lines of a file."""

    def apply():
        path = HERE / name
        path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))

    return apply


def exchanged(lines):
    lines[0], lines[1] = lines[1], lines[0]
    return lines


def edited(what, by, line=0):
    def change(lines):
        assert what in lines[line]
        lines[line] = lines[line].replace(what, by)
        return lines

    return change


def other_payload(lines):
    first, last = json.loads(lines[0]), json.loads(lines[-1])
    last["payload"] = first["payload"]
    return [*lines[:-1], json.dumps(last).encode() + b"\n"]


RECORDS_CHANGED, REMOVED, ROOTS_CHANGED = "they were changed", "they were removed", "it was changed"
OUT_OF_ORDER = "roots were removed or changed"
HISTORIES = {
    "a record's seed": (lines_of(RECORDS, edited(b'"seed":0', b'"seed":1', 3)), RECORDS_CHANGED),
    "a space in a record": (lines_of(RECORDS, edited(b"{", b"{ ")), RECORDS_CHANGED),
    "two records exchanged": (lines_of(RECORDS, exchanged), RECORDS_CHANGED),
    "a record put in": (lines_of(RECORDS, lambda lines: [lines[0], *lines]), RECORDS_CHANGED),
    "the first record removed": (lines_of(RECORDS, lambda lines: lines[1:]), RECORDS_CHANGED),
    "the last record removed": (lines_of(RECORDS, lambda lines: lines[:-1]), REMOVED),
    "all records removed": (lines_of(RECORDS, lambda lines: []), REMOVED),
    "the end of the last record": (lines_of(RECORDS, lambda lines: [*lines[:-1], lines[-1][:-1]]), REMOVED),
    "the first root removed": (lines_of(ROOTS, lambda lines: lines[1:]), OUT_OF_ORDER),
    "a root between removed": (lines_of(ROOTS, lambda lines: [lines[0], lines[2]]), OUT_OF_ORDER),
    "a root twice": (lines_of(ROOTS, lambda lines: [*lines, lines[-1]]), OUT_OF_ORDER),
    "two roots exchanged": (lines_of(ROOTS, exchanged), OUT_OF_ORDER),
    "another root's payload": (lines_of(ROOTS, other_payload), ROOTS_CHANGED),
    "a root that is no JSON": (lines_of(ROOTS, edited(b"{", b"[", 1)), ROOTS_CHANGED),
    "a root that is nested deeply": (lines_of(ROOTS, lambda lines: [b"[" * 100_000 + b"\n"]), ROOTS_CHANGED),
    "a root of another type": (lines_of(ROOTS, edited(b"vnd.gan-lightning.root", b"vnd.in-toto")), ROOTS_CHANGED),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_changed_history_is_detected(jane, command, name):
    change, expected = HISTORIES[name]
    change()
    code, said = command("check", HERE)
    assert (code, said.count("\n")) == (1, 0)
    assert said.startswith("ledger/")
    assert said.endswith(expected)
    before = {path: path.read_bytes() for path in HERE.iterdir()}
    with pytest.raises(LedgerChanged, match=expected):
        ledger.append_records(HERE, jane, records("g"))
    assert before == {path: path.read_bytes() for path in HERE.iterdir()}


def test_kept_root_shows_that_records_were_removed(jane, command):
    assert command("root", HERE, "--output", "root.json")[0] == 0
    for name, keep in ((RECORDS, 5), (ROOTS, 2)):
        lines_of(name, lambda lines, keep=keep: lines[:keep])()
    assert command("check", HERE)[0] == 0
    assert command("check", HERE, "--since", "root.json") == (
        1,
        "1 records that root.json covers are missing: they were removed",
    )
    ledger.append_records(HERE, jane, records("x"))  # the ledger gets the size that root.json covers
    assert command("check", HERE)[0] == 0
    expected = (1, "the first 6 records are not those that root.json covers: they were changed")
    assert command("check", HERE, "--since", "root.json") == expected
    assert command("prove", HERE, "--since", "root.json") == expected


def test_older_copy_does_not_continue_a_root(jane, command, tmp_path):
    """Replaying an old copy of the ledger is detected by a later root."""
    old = tmp_path / "old"
    old.mkdir()
    for name in (RECORDS, ROOTS):
        (old / name).write_bytes((HERE / name).read_bytes())
    ledger.append_records(HERE, jane, records("gh"))
    command("root", HERE, "--output", "root.json")
    assert command("check", HERE, "--since", "root.json")[0] == 0
    assert command("check", old)[0] == 0
    code, said = command("check", old, "--since", "root.json")
    assert (code, "2 records that root.json covers are missing" in said) == (1, True)
    assert ledger.read_ledger(old, jane.root).find(digest("h")) is None


TORN = [
    (b'{"checkpoint":', b""),
    (b'{"whole":"line, but no root covers it"}\n', b""),
    (b'{"whole":"line"}\n{"to', b'{"payload'),
]


@pytest.mark.parametrize(("record", "root"), TORN)
def test_unfinished_lines_are_set_aside(jane, command, capfd, record, root):
    for name, torn in ((RECORDS, record), (ROOTS, root)):
        with (HERE / name).open("ab") as file:
            file.write(torn)
    code, said = command("check", HERE)
    assert (code, "1 lines that no root covers" in said) == ((1, True) if record.count(b"\n") else (0, False))
    assert len(ledger.read_ledger(HERE, jane.root).lines) == 6
    capfd.readouterr()
    ledger.append_records(HERE, jane, records("g"))
    assert ("1 lines that no root covers are set aside" in capfd.readouterr().err) == (code == 1)
    held = ledger.read_ledger(HERE, jane.root)
    assert (len(held.lines), held.find(digest("g"))[0]) == (7, 6)
    assert (HERE / RECORDS).read_bytes() == b"".join(line + b"\n" for line in held.lines)
    assert (HERE / "records.unfinished").read_bytes() == record


ADD = """
import sys
from pathlib import Path
from gan_lightning.provenance import identity, ledger
from tests.test_ledger import records
one, times, name = identity.load(), int(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
for i in range(times):
    ledger.append_records(Path("ledger"), one, records([f"{name} {i} {j}" for j in range(3)]))
    print(i, flush=True)
"""


def start_writer(times, name):
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", ADD, str(times), name], env=environment, stdout=subprocess.PIPE)


@pytest.mark.parametrize("name", [RECORDS, ROOTS, "lock", "records.unfinished"])
def test_links_are_not_followed(jane, name, tmp_path):
    other = tmp_path / "other"
    other.write_text("precious")
    with (HERE / RECORDS).open("ab") as file:
        file.write(b"torn")
    (HERE / name).unlink(missing_ok=True)
    (HERE / name).symlink_to(other)
    with pytest.raises(UserError, match=f"{name}: is a link"):
        ledger.append_records(HERE, jane, records("g"))
    assert other.read_text() == "precious"


@pytest.mark.slow
def test_concurrent_writers_lose_no_record(jane, command):
    writers = [start_writer(10, name) for name in ("one", "two", "three")]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    held = ledger.read_ledger(HERE, jane.root)
    assert (len(held.lines), len(held.roots)) == (6 + 90, 3 + 30)
    for name in ("one", "two", "three"):
        found = [held.find(digest(f"{name} {i} {j}"))[0] for i in range(10) for j in range(3)]
        assert found == sorted(found)
    assert command("check", HERE)[0] == 0


@pytest.mark.slow
def test_killed_writer_loses_no_reported_record(jane, command):
    generator = random.Random(0)
    reported = []
    for attempt in range(4):
        writer = start_writer(100_000, f"kill {attempt}")
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(generator.uniform(0, 0.2))
        writer.send_signal(signal.SIGKILL)
        reported += [f"kill {attempt} {int(i)} {j}" for i in writer.stdout.read().split(b"\n")[:-1] for j in range(3)]
        ledger.append_records(HERE, jane, records([f"after {attempt}"]))
        held = ledger.read_ledger(HERE, jane.root)
        assert all(held.find(digest(name)) for name in [*reported, f"after {attempt}"])
    assert reported
    assert command("check", HERE)[0] == 0


def test_signer_vouches_only_for_records_added_with_the_root(jane, john, command):
    ledger.append_records(HERE, john, records(["forged"]))
    ledger.append_records(HERE, jane, records("g"))
    held = ledger.read_ledger(HERE, jane.root)
    assert held.find(digest("g"))[1].signature.trusted
    assert not held.find(digest("forged"))[1].signature.trusted
    code, said = command("check", HERE)
    assert (code, said.startswith("unchanged, but 1 of 5 roots by unknown signers: 7 records")) == (1, True)
    # Without the root of the forger, the next one does not match.
    lines_of(ROOTS, lambda lines: [*lines[:3], lines[4]])()
    code, said = command("check", HERE)
    assert (code, said.endswith(OUT_OF_ORDER)) == (1, True)
    # A forger who has added the same image first does not hide the trusted record.
    ledger.append_records(Path("other"), john, records("a"))
    ledger.append_records(Path("other"), jane, records("a"))
    assert ledger.read_ledger(Path("other"), jane.root).find(digest("a"))[0] == 1


def test_unsigned_line_is_not_accepted(jane):
    with (HERE / RECORDS).open("ab") as file:
        file.write((HERE / RECORDS).read_bytes().replace(digest("a").encode(), digest("forged").encode()))
    ledger.append_records(HERE, jane, records("g"))
    held = ledger.read_ledger(HERE, jane.root)
    assert held.find(digest("forged")) is None
    assert len(held.lines) == 7


def write_image(path, value):
    """Write a uniform grey image and return its digest."""
    one = Image.new("L", (2, 2), value)
    one.save(path)
    return Images.digest(Path(path))


@pytest.fixture
def proof(jane, command):
    """Write a proof about the image ``1.png``, and another image ``2.png``."""
    digests = [write_image(f"{value}.png", value) for value in range(4)]
    ledger.append_records(
        HERE, jane, [replace(one, content=found) for one, found in zip(records("ghij"), digests, strict=True)]
    )
    code, said = command("prove", HERE, "--file", "1.png", "--output", "proof.json")
    assert (code, said.startswith("record 7, added with: 10 records, root ")) == (0, True)
    return json.loads(Path("proof.json").read_text())


def test_proof_of_an_image(proof, command):
    Path("ledger").rename("elsewhere")
    code, said = command("check", "proof.json", "--file", "1.png")
    assert (code, said.startswith("record 7 was added with: 10 records, root ")) == (0, True)
    assert command("check", "proof.json")[0] == 0
    code, said = command("check", "proof.json", "--file", "2.png")
    assert (code, said) == (1, "proof.json: is about something else than 2.png shows")
    assert command("prove", "elsewhere", "--file", "0.png")[0] == 0
    write_image("new.png", 200)
    assert command("prove", "elsewhere", "--file", "new.png") == (
        1,
        "new.png: elsewhere has no record of what it shows",
    )
    assert command("check", "elsewhere", "--file", "new.png")[0] == 1
    assert command("check", "elsewhere", "--file", "1.png")[0] == 0


def test_changed_proof_does_not_hold(proof, john, command, tmp_path):
    roots = [json.loads(line) for line in (HERE / ROOTS).read_bytes().splitlines()]
    other = [*proof["path"][:-1], "00" * 32]
    changes = [{"index": 6}, {"index": -7}, {"path": other}, {"path": proof["path"][1:]}, {"path": ["x"]}]
    changes += [{"record": proof["record"].replace("ema", "raw")}, {"root": roots[0]}, {"root": {}}]
    changes += [{"record": "[" * 50_000}, {"root": roots[-1] | {"payload": roots[0]["payload"]}}]
    for change in changes:
        Path("proof.json").write_text(json.dumps(proof | change))
        code, said = command("check", "proof.json")
        assert (code, said.startswith("the proof does not hold: ")) == (1, True), (change, said)
    Path("proof.json").write_text(json.dumps(proof))
    identity.export(tmp_path / "jane.pem")
    (tmp_path / "john.pem").write_bytes(john.root)
    assert command("check", "proof.json", "--trust-root", tmp_path / "jane.pem")[0] == 0
    code, said = command("check", "proof.json", "--trust-root", tmp_path / "john.pem")
    assert (code, "its certificate leads to no trusted root" in said) == (1, True)
    roots = [("--trust-root", tmp_path / name) for name in ("john.pem", "jane.pem")]
    assert command("check", *roots[0], *roots[1], "proof.json")[0] == 0


def test_root_vouches_for_no_earlier_record(proof, jane, command):
    """The tree of the last root holds record 0, but another root was signed when it was added."""
    held = ledger.read_ledger(HERE, jane.root)
    assert held.roots[-1].claim.first > 0
    path = [one.hex() for one in inclusion_proof(held.hashes, 0)]
    Path("proof.json").write_text(json.dumps(proof | {"record": held.lines[0].decode(), "index": 0, "path": path}))
    assert command("check", "proof.json") == (1, "the proof does not hold: its root does not cover this record")


def test_proof_of_growth(jane, john, command):
    command("root", HERE, "--output", "root.json")
    ledger.append_records(HERE, jane, records("ghi"))
    code, said = command("prove", HERE, "--since", "root.json", "--output", "proof.json")
    assert (code, said.startswith("extends a root of 6 records: 9 records, root ")) == (0, True)
    Path("ledger").rename("elsewhere")
    assert command("check", "proof.json", "--since", "root.json")[0] == 0
    proof = json.loads(Path("proof.json").read_text())
    for change in ({"path": proof["path"][1:]}, {"old": proof["new"]}, {"new": proof["old"]}, {"path": ["00" * 32]}):
        Path("proof.json").write_text(json.dumps(proof | change))
        code, said = command("check", "proof.json")
        assert (code, said.startswith("the proof does not hold: ")) == (1, True), change
    ledger.append_records(Path("short"), jane, records("a"))
    command("root", "short", "--output", "short.json")
    Path("proof.json").write_text(json.dumps(proof))
    assert command("check", "proof.json", "--since", "short.json") == (
        1,
        "proof.json: is about another root than short.json",
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["root", "nowhere"], "nowhere: holds no ledger: give the folder that holds records.jsonl and roots.jsonl"),
        (["check", "nowhere"], "nowhere: holds no ledger"),
        (["prove", "ledger"], "one of the arguments --file --since is required"),
        (["prove", "ledger", "--file", "text"], "text: no modality reads files of such a name"),
        (["prove", "ledger", "--file", "text.png"], "text.png: not a readable image"),
        (["prove", "ledger", "--file", "text", "--trust-code", "nowhere_at_all"], "nowhere_at_all: cannot be imported"),
        (["prove", "ledger", "--since", "text"], "--since text: no signed root"),
        (["prove", "ledger", "--since", "nowhere"], "--since nowhere: no signed root"),
        (["check", "text"], "text: neither a ledger nor a proof"),
        (["check", "proof.json", "--since", "text"], "--since text: proof.json is about a file: leave it out"),
        (["root", "ledger", "--output", "text"], "--output text: File exists: choose another name"),
        (["root", "ledger", "--trust-root", "text"], "text: must be a certificate in PEM"),
        (["root", "empty"], "empty: has no root yet"),
        (["remove", "ledger"], "invalid choice: 'remove'"),
    ],
)
def test_bad_input(proof, command, arguments, expected):
    Path("text").write_text("text")
    Path("text.png").write_text("text")
    Path("empty").mkdir()
    for name in (RECORDS, ROOTS):
        Path("empty", name).touch()
    code, said = command(*arguments)
    assert (code, said.count("\n"), said.startswith("error: "), expected in said) == (2, 0, True, True), said


def test_earlier_root_by_an_unknown_signer(jane, john, command):
    ledger.append_records(Path("other"), john, records("a"))
    command("root", "other", "--output", "root.json")
    code, said = command("check", HERE, "--since", "root.json")
    assert (code, "--since root.json: by Jane Doe, Example, who is not trusted" in said) == (2, True)


def test_full_disk_keeps_earlier_records(jane, command, monkeypatch):
    def full(file):
        raise OSError(28, "No space left on device", file.name)

    before = ledger.read_ledger(HERE, jane.root).lines
    with monkeypatch.context() as context:
        context.setattr(ledger, "synchronize", full)
        with pytest.raises(OSError, match="No space left"):
            ledger.append_records(HERE, jane, records("g"))
    assert ledger.read_ledger(HERE, jane.root).lines == before
    assert command("check", HERE)[0] == 1  # a line is not covered by a root
    ledger.append_records(HERE, jane, records("g"))
    assert command("check", HERE)[0] == 0


def test_ledger_without_its_roots(jane, command):
    (HERE / ROOTS).write_bytes(b"")
    code, said = command("check", HERE)
    assert (code, said.startswith("6 lines that no root covers")) == (1, True)
    (HERE / RECORDS).write_bytes(b"")
    assert command("check", HERE) == (1, "nothing in it: nothing was added, or all was removed")


def test_appending_no_records_changes_nothing(jane):
    before = [(HERE / name).read_bytes() for name in (RECORDS, ROOTS)]
    ledger.append_records(HERE, jane, [])
    assert [(HERE / name).read_bytes() for name in (RECORDS, ROOTS)] == before


def test_missing_extra_is_named(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "gan_lightning.provenance.ledger", None)
    assert command("root", HERE) == (2, "error: gan-ledger: needs an extra: pip install 'gan-lightning[provenance]'")


@pytest.mark.parametrize("name", [RECORDS, ROOTS])
def test_missing_ledger(jane, name):
    with pytest.raises(UserError, match="holds no ledger"):
        ledger.read_ledger(Path("nowhere"), jane.root)
    (HERE / name).unlink()
    with pytest.raises(UserError, match="holds no ledger"):
        ledger.read_ledger(HERE, jane.root)
