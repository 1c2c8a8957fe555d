"""Commands that are interrupted and run again, and commands of several processes at once."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gan_lightning.chain import connect
from gan_lightning.chain.embedded import EmbeddedChain
from gan_lightning.commands.chain_actions.session import Session
from tests.chain.conftest import ROOT

REGISTER = ["register", "7.png", "--ledger", "ledger", "--account", "alice", "--price", "1 ether", "--editions", 9]


class Killed(BaseException):
    """Stands for SIGKILL: nothing handles it."""


@pytest.fixture
def killed_before_telling(market, monkeypatch):
    """Return a function that runs gan-chain and kills it after its transaction, before it tells the outcome."""

    def kill(session, outcome):
        raise Killed

    def call(*arguments):
        with monkeypatch.context() as context:
            context.setattr(Session, "tell", kill)
            with pytest.raises(Killed):
                market.run(*arguments)

    return call


def balance(name):
    client = connect("chain")
    return client.balance(client.demo_accounts[name].address)


@pytest.mark.parametrize(
    ("arguments", "outcome"),
    [
        (REGISTER, "work 1: title held by"),
        (["collect", 1, "--account", "bob"], "copy 2 of work 1"),
        (["tip", 1, "1 ether", "--account", "bob"], "tipped work 1 1 ether"),
        (["buy", 1, "--account", "bob"], "token 1 is held by"),
        (["collect", "release.json", "--account", "bob"], "copy 2 of work 1"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_killed_command_is_told_later_and_pays_once(market, killed_before_telling, arguments, outcome):
    if "release.json" in arguments:
        market.do(*REGISTER, "--sign", "release.json")
    elif arguments != REGISTER:
        market.do(*REGISTER)
        market.do("list", 1, "--price", "2 ether", "--account", "alice")
    killed_before_telling(*arguments)
    paid = balance("bob")
    said = market.say(*arguments)
    assert f"{outcome}" in said
    assert "of an interrupted command did this already: nothing else is sent" in said
    assert balance("bob") == paid


def test_other_command_tells_of_the_killed_one_and_does_its_own(market, killed_before_telling):
    killed_before_telling(*REGISTER)
    said = market.say("anchor", "7.png", "--account", "alice")
    assert re.search("note: 0x[0-9a-f]{64} of an earlier command is in block", said)
    assert "is on the chain since" in said


def test_interruption_between_claim_and_registration(market, monkeypatch):
    """Nothing is claimed twice, no metadata are left by a transaction that was not sent, and the same work results."""
    Path("new.bin").write_bytes(b"new")
    new = ["new.bin", "--ledger", "ledger", "--account", "alice"]
    market.do("claim", *new)
    market.do("anchor", "ledger", "--account", "alice")
    before = market.snapshot()
    with monkeypatch.context() as context:

        def interrupt(*arguments, **options):
            raise KeyboardInterrupt

        context.setattr(EmbeddedChain, "request", interrupt)
        code, said = market.run("register", *new)
    assert (code, "Traceback" in said) == (130, False)
    assert market.snapshot() == before
    assert [one["added"] for one in market.do("claim", *new)["claims"]] == [False]
    assert "is on the chain already" in market.say("anchor", "ledger", "--account", "alice")
    registered = market.do("register", *new)
    assert (registered["work"], Path(registered["metadata"]).is_file()) == (1, True)


@pytest.mark.slow
def test_processes_wait_for_each_other(market):
    """Two processes collect at once: each gets a copy of its own."""
    market.do(*REGISTER)
    command = [sys.executable, "-m", "gan_lightning.commands.chain", "collect", "1", "--account", "bob"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    said = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    copies = sorted(re.search(r"copy (\d) of work 1", text)[1] for text in said)
    assert copies == ["2", "3"]


def test_killed_process_leaves_a_usable_chain(market):
    market.do(*REGISTER)
    command = [sys.executable, "-m", "gan_lightning.commands.chain", "collect", "1", "--account", "bob"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert "collect a copy of work 1" in process.stdout.readline()  # before it is sent
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert "copy 2 of work 1" in market.say("collect", 1, "--account", "bob")
    assert connect("chain").read("sold", 1, 0) == 1
