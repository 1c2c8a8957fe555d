"""gan-ledger check --chain: the roots of a ledger are compared with the times of blocks."""

import functools
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gan_lightning.chain import connect
from gan_lightning.commands import ledger as gan_ledger
from gan_lightning.provenance import identity, ledger

LEDGER = Path("ledger")
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
ROOT = r"root of {} records, signed \S+ by the clock of Jane Doe, Example: "


@pytest.fixture
def jane(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return identity.create("Jane Doe", "Example")


@pytest.fixture
def check(jane, folder, called):
    return functools.partial(called, gan_ledger.main, "check", LEDGER, "--chain", folder)


def anchor(client, by, index=-1):
    root = ledger.read_ledger(LEDGER, by.root).roots[index].claim
    return client.transact(client.demo_accounts["bob"], "anchor", bytes.fromhex(root.root), root.size)


def test_roots_existed_by_the_time_of_their_blocks(check, client, jane):
    for line in (b"1", b"2", b"3"):
        ledger.append(LEDGER, jane, [line])
    receipt = anchor(client, jane, 1)
    at = datetime.fromtimestamp(receipt.time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    code, said = check()
    later = f"its records existed by {at}, when a later root that covers them was anchored"
    expected = [
        ROOT.format(1) + f"not anchored itself; {later}",
        ROOT.format(2) + f"its records existed by {at}, when it was anchored",
        ROOT.format(3) + "not anchored: gan-chain anchor",
        "unchanged: 3 records, 3 roots; newest: .*; 1 of 3 roots are anchored",
    ]
    assert code == 0
    assert all(re.fullmatch(*pair) for pair in zip(expected, said.splitlines(), strict=True)), said


def test_earliest_anchor_counts(check, client, jane):
    """A root that is anchored after a later one: its records existed when the later one was anchored."""
    for line in (b"1", b"2"):
        ledger.append(LEDGER, jane, [line])
    first = anchor(client, jane)
    client.advance(100)
    anchor(client, jane, 0)
    at = datetime.fromtimestamp(first.time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    lines = check()[1].splitlines()
    assert lines[0].endswith(f": its records existed by {at}, when a later root that covers them was anchored")
    assert lines[1].endswith(f": its records existed by {at}, when it was anchored")


def test_clock_that_is_ahead_of_the_chain_is_a_contradiction(check, client, jane, monkeypatch):
    class Ahead(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(hours=1)

    with monkeypatch.context() as context:
        context.setattr(ledger, "datetime", Ahead)
        ledger.append(LEDGER, jane, [b"1"])
    assert check()[0] == 0  # nothing contradicts it before it is anchored
    anchor(client, jane)
    code, said = check()
    assert code == 1
    first, last = said.splitlines()
    assert re.fullmatch(ROOT.format(1) + f"a contradiction: it was anchored before that, at {TIME}", first), first
    assert last == "unchanged; but 1 of 1 roots contradict the chain"


def test_clock_within_the_tolerance_is_none(check, client, jane, monkeypatch):
    class Ahead(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(seconds=5)

    monkeypatch.setattr(ledger, "datetime", Ahead)
    ledger.append(LEDGER, jane, [b"1"])
    anchor(client, jane)
    assert check()[0] == 0


def test_time_that_cannot_be_read_is_reported(check, client, jane, monkeypatch):
    class Odd(datetime):
        def isoformat(self, **_):
            return "yesterday"

    with monkeypatch.context() as context:
        context.setattr(ledger, "datetime", Odd)
        ledger.append(LEDGER, jane, [b"1"])
    anchor(client, jane)
    assert check() == (1, "root of 1 records: 'yesterday' is not a time")


def test_changed_ledger_is_reported_before_the_chain_is_asked(check, client, jane):
    ledger.append(LEDGER, jane, [b"1"])
    (LEDGER / ledger.RECORDS).write_bytes(b"2\n")
    code, said = check()
    assert (code, "they were changed" in said, "anchored" in said) == (1, True, False)


def test_options_that_do_not_fit_are_one_line(check, called, jane, folder, tmp_path):
    ledger.append(LEDGER, jane, [b"1"])
    code, said = called(gan_ledger.main, "check", LEDGER, "--contract", "0x00")
    assert (code, said) == (2, "error: --contract: also needs --chain")
    code, said = called(gan_ledger.main, "check", LEDGER, "--chain", tmp_path / "nowhere")
    assert (code, "holds no chain" in said) == (2, True)
    assert ledger.read_ledger(LEDGER, jane.root).lines == [b"1"]


def test_roots_are_found_on_a_real_node(anvil, rich, called, jane):
    url = anvil()
    client = connect(url)
    client.deploy(rich[0])
    ledger.append(LEDGER, jane, [b"1"])
    root = ledger.read_ledger(LEDGER, jane.root).roots[-1].claim
    client.transact(rich[0], "anchor", bytes.fromhex(root.root), root.size)
    code, said = called(gan_ledger.main, "check", LEDGER, "--chain", url)
    assert (code, "1 of 1 roots are anchored" in said) == (0, True)
