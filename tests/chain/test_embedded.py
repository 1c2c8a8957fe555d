"""The embedded chain: its state survives restarts and kills, and damaged or foreign files are told in one line."""

import fcntl
import json
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time

import pytest

from gan_lightning.chain import connect
from gan_lightning.chain.contract import Refused
from gan_lightning.chain.embedded import DATABASE, DEMO_BALANCE, SECRET
from gan_lightning.chain.receipts import ignore_receipt
from gan_lightning.chain.works import Draft, Offer
from gan_lightning.errors import UserError
from tests.chain.conftest import ETHER, digest, single_claim


def anchor(client, name, report=ignore_receipt):
    return client.transact(client.demo_accounts["alice"], "anchor", bytes.fromhex(digest(name)), 1, report=report)


def test_state_survives_a_restart(client, folder):
    alice, bob = (client.demo_accounts[name] for name in ("alice", "bob"))
    claim = single_claim(alice.address, digest("x"))
    anchored = client.transact(alice, "anchor", claim.root, 1)
    registered = client.transact(alice, "register", claim, Draft(offers=[Offer(price=ETHER)]), b"")  # at once
    assert registered.time > anchored.time
    client.transact(bob, "collect", 1, 0, bob.address, value=ETHER)
    again = connect(folder)
    assert again.address == client.address
    assert again.read("ownerOf", 2) == bob.address
    assert again.read("owed", alice.address) == ETHER
    assert [event.arguments["token"] for event in again.events("Sold", work=1)] == [2]
    assert again.events("Sold", work=2) == []
    assert again.demo_accounts["alice"].key == alice.key
    assert stat.S_IMODE((folder / SECRET).stat().st_mode) == 0o600
    again.transact(alice, "withdraw", alice.address)
    assert client.read("owed", alice.address) == 0  # the first client sees what the second one did


@pytest.mark.slow
def test_limit_of_recursion_stays_as_it_is():
    """Packages of the chain raise it, and then nested JSON overflows the stack."""
    command = "import sys; before = sys.getrecursionlimit(); import gan_lightning.chain.embedded; "
    command += "assert sys.getrecursionlimit() == before"
    assert subprocess.run([sys.executable, "-c", command]).returncode == 0


def test_times_follow_the_clock_and_never_repeat(client):
    times = [anchor(client, i).time for i in range(3)]
    assert times == sorted(set(times))
    assert abs(client.now() - time.time()) < 30
    client.advance(30 * 86_400)
    assert abs(client.now() - time.time() - 30 * 86_400) < 30
    assert anchor(client, 3).time > times[-1] + 29 * 86_400
    with pytest.raises(UserError, match="at least 1 second"):
        client.advance(0)


def test_time_is_skipped_from_the_newest_block_on(client):
    """Blocks of one second get ahead of the clock."""
    newest = [anchor(client, i).time for i in range(20)][-1]
    client.advance(1000)
    assert client.now() >= newest + 1000


def test_licence_ends_without_a_transaction(client):
    alice, bob = (client.demo_accounts[name] for name in ("alice", "bob"))
    claim = single_claim(alice.address, digest("x"))
    client.transact(alice, "anchor", claim.root, 1)
    client.transact(alice, "register", claim, Draft(offers=[Offer(term=3600, hands=0)]), b"")
    token = client.transact(bob, "collect", 1, 0, bob.address).first("Sold").arguments["token"]
    assert client.read("isValid", token)
    client.advance(3601)
    assert not client.read("isValid", token)


def test_refused_transaction_changes_nothing(client, folder):
    bob = client.demo_accounts["bob"]
    before = [client.balance(one.address) for one in client.demo_accounts.values()]
    with pytest.raises(Refused, match="not for sale") as caught:
        client.transact(bob, "collect", 7, 0, bob.address)
    assert caught.value.name == "NotForSale"
    with pytest.raises(UserError, match="has 10000 ether, and up to 99999 ether are needed"):
        client.pay(bob, bob.address, 99_999 * ETHER)
    assert [client.balance(one.address) for one in client.demo_accounts.values()] == before
    assert client.balance(bob.address) == DEMO_BALANCE
    assert not list((folder / "transactions").glob("*.json"))


def test_error_while_a_block_is_written_rolls_back(client, folder, monkeypatch):
    """Mining fails after the transaction was applied: neither is in the file, and the next command finishes it."""
    tester = client._place._tester
    with monkeypatch.context() as context:
        context.setattr(tester, "mine_block", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            anchor(client, "x")
    assert client.read("anchoredAt", bytes.fromhex(digest("x"))) == 0
    (entry,) = (folder / "transactions").glob("*.json")
    receipt = anchor(client, "x")
    assert receipt.first("Anchored").arguments["size"] == 1
    assert not entry.exists()
    assert len(client.events("Anchored")) == 1


@pytest.mark.slow
def test_no_acknowledged_transaction_is_lost_by_kills(client, folder):
    """A process that anchors roots is killed 14 times at random moments."""
    acknowledged = 0
    for kill in range(14):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                again, number = connect(folder), acknowledged
                while True:
                    anchor(again, number, lambda receipt, pipe=writing: os.write(pipe, b"."))
                    number += 1
            finally:
                os._exit(1)
        os.close(writing)
        acknowledged += len(os.read(reading, 1))  # however slow the machine is
        time.sleep(random.Random(kill).uniform(0, 0.4))
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        with os.fdopen(reading, "rb") as pipe:
            acknowledged += len(pipe.read())
        for number in range(acknowledged):
            assert client.read("anchoredAt", bytes.fromhex(digest(number))), f"anchor {number} is lost"
        assert acknowledged <= len(client.events("Anchored")) <= acknowledged + 1  # the last one was not acknowledged
        # The next process repeats the last one. It is finished or found, and not sent a second time.
    assert acknowledged >= 14
    nonce = client._place.web3.eth.get_transaction_count(client.demo_accounts["alice"].address)
    assert nonce == 1 + len(client.events("Anchored"))  # with the deployment


def test_second_process_waits_for_the_first(client, folder, capsys):
    """Another process holds the journal of the account, or writes to the file; then it ends."""
    client._sender._timeout = 0.3
    lock = folder / "transactions" / f"{client.demo_accounts['alice'].address.lower()}.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UserError, match=r"another process has been sending a transaction for 0\.3 s: try again"):
            anchor(client, "x")
    anchor(client, "x")
    impatient = connect(folder, timeout=0.2)
    other = sqlite3.connect(folder / DATABASE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert impatient.read("anchoredAt", bytes.fromhex(digest("x")))  # reading needs no lock
    with pytest.raises(UserError, match=r"another process has been writing for 0\.2 s: try again later"):
        anchor(impatient, "y")
    other.execute("ROLLBACK")
    assert anchor(impatient, "y").block > 0
    assert len(client.events("Anchored")) == 2


def test_unusable_folders_are_told_in_one_line(folder, tmp_path):
    def rejected(reason, place=folder, **arguments):
        with pytest.raises(UserError, match=reason) as caught:
            connect(place, **arguments)
        assert "\n" not in str(caught.value)

    rejected("holds no chain: check the path, or: gan-chain deploy", tmp_path / "none")
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").write_text("x")
    rejected("is a file", tmp_path / "file", create=True)
    for damage, reason in {
        lambda path: path.write_bytes(b"not SQLite" * 1000): "is damaged .*: restore a copy, or use another folder",
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]): "is damaged",
        lambda path: write_page(path, 3, b"\xff" * 4096): "is damaged",
        lambda path: sqlite(path, "PRAGMA user_version = 2"): "has version 2, and this program reads 1",
        lambda path: sqlite(path, "PRAGMA application_id = 7"): "is a SQLite file of another program",
        lambda path: sqlite(path, "PRAGMA application_id = 0"): "is a SQLite file of another program",
        lambda path: path.with_name(SECRET).write_text("xyz"): "is damaged: restore a copy",
        lambda path: path.with_name(SECRET).unlink(): "secret",
        lambda path: path.with_name("chain.json").write_text("{"): "cannot be read: remove it, and name the contract",
        lambda path: edit_deployment(path, chain_id=1): "is about chain 1, and this is chain",
        lambda path: edit_deployment(path, genesis="0x12"): "is about another chain with the number",
        lambda path: edit_deployment(path, contract="0x" + "00" * 20): "no contract at 0x0000",
    }.items():
        shutil.copytree(folder, tmp_path / "copy")
        sqlite(tmp_path / "copy" / DATABASE, "PRAGMA wal_checkpoint(TRUNCATE)")
        damage(tmp_path / "copy" / DATABASE)
        rejected(reason, tmp_path / "copy")
        shutil.rmtree(tmp_path / "copy")


def sqlite(path, statement):
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.close()


def write_page(path, number, content):
    with path.open("r+b") as file:
        file.seek(4096 * number)
        file.write(content)


def edit_deployment(path, **changes):
    note = path.with_name("chain.json")
    note.write_text(json.dumps(json.loads(note.read_text()) | changes))


def test_chain_without_contract_is_told(tmp_path):
    client = connect(tmp_path / "new", create=True)
    assert client.address is None
    assert {client.balance(one.address) for one in client.demo_accounts.values()} == {DEMO_BALANCE}
    for call in (lambda: client.read("ownerOf", 1), lambda: anchor(client, "x")):
        with pytest.raises(UserError, match="no contract there yet: gan-chain deploy"):
            call()
    client.deploy(client.demo_accounts["bob"])
    with pytest.raises(UserError, match="already: choose another --chain"):
        client.deploy(client.demo_accounts["bob"])
