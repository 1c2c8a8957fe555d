"""Each action of gan-chain prints JSON with --json, and changes nothing with --dry-run."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gan_lightning.commands.chain import ACTIONS
from tests.chain.conftest import ROOT

ALICE, BOB = ["--account", "alice"], ["--account", "bob"]
ARGUMENTS = {  # of each action, in an order in which all succeed
    "account new": ["jane"],
    "account import": ["jim", "key"],
    "account list": [],
    "account link": ["alice"],
    "deploy": ["--chain", "other"],
    "anchor": ["ledger", *ALICE],
    "claim": ["film.bin", "new.bin", "--ledger", "ledger", *BOB],
    "register": ["song.bin", "--ledger", "ledger", *BOB, "--price", "1 ether", "--editions", "any"],
    "offer": [1, "--price", "0", "--revocable", *ALICE],
    "allow": [1, "everybody", *ALICE],
    "collect": [1, *BOB],
    "list": [2, "--price", "1 ether", *BOB],
    "buy": [3, *ALICE],
    "tip": [1, "7 wei", *BOB],
    "withdraw": ["alice", *BOB],
    "burn": [2, *BOB],
    "revoke": [3, *ALICE],
    "close": [1, 0, *ALICE],
    "show": [1],
    "check": ["new.bin"],
}
CHANGE_NOTHING = {"account list", "show", "check"}


@pytest.fixture
def trading(market, monkeypatch):
    """Market with work 1 of alice, of which bob holds copy 2 and sells copy 3, and a root that is not anchored."""
    monkeypatch.setenv("GAN_CHAIN_PASSWORD_FILE", "password")
    Path("password").write_text("password\n")
    Path("key").write_text("12" * 32)
    Path("new.bin").write_bytes(b"new")
    market.register("7.png", "alice", "--price", "1 ether", "--editions", 4, "--revocable")
    for _ in range(2):
        market.do("collect", 1, *BOB)
    market.do("list", 3, "--price", "1 ether", *BOB)
    market.do("anchor", "new.bin", *BOB)
    market.do("claim", "new.bin", "--ledger", "ledger", *ALICE)
    return market


def test_every_action_is_called_here():
    assert sorted(ARGUMENTS) == sorted(action.name for action in ACTIONS)


@pytest.mark.slow
def test_every_action_prints_json_and_a_dry_run_changes_nothing(trading):
    before = trading.snapshot()
    for name, arguments in ARGUMENTS.items():
        if name not in CHANGE_NOTHING:
            assert "dry run: " in trading.say(*name.split(), *arguments, "--dry-run"), name
            assert trading.snapshot() == before, name
    answer = json.loads(trading.say("collect", 1, *BOB, "--dry-run", "--json"))
    assert (answer["dry_run"], answer["cost"]["value"], "transaction" in answer) == (True, str(10**18), False)
    for name, arguments in ARGUMENTS.items():
        answer = json.loads(trading.say(*name.split(), *arguments, "--json"))
        assert (answer["action"], answer["dry_run"]) == (name, False)
        assert answer["result"], name
        if "does" in answer:
            assert answer["cost"]["gas"] > answer["transaction"]["gas"] > 20_000, name
            assert answer["cost"]["fee"].isdecimal()


def test_dry_run_of_a_new_chain_leaves_no_folder(market):
    assert "create the contract on other: up to 5," in market.say("deploy", "--chain", "other", "--dry-run")
    assert not Path("other").exists()


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_help_of_an_action_has_an_example(called, action):
    from gan_lightning.commands import chain as gan_chain

    code, said = called(gan_chain.main, *action.name.split(), "--help")
    assert (code, f"\n    gan-chain {action.name}" in said) == (0, True)


@pytest.mark.parametrize("package", ["web3", "cryptography", "eth_tester"])
def test_missing_extra_is_one_line(tmp_path, package):
    """Run the command in a process of its own, because this one has imported the package already."""
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from gan_lightning.commands.chain import main\n"
        "sys.argv = ['gan-chain', 'deploy']\n"
        "main()"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 2
    assert re.fullmatch(r"error: .*: needs an extra: pip install 'gan-lightning\[[a-z,]+\]'\n", result.stderr)


def test_help_needs_no_extra():
    code = (
        "import sys; from gan_lightning.commands.chain import main; sys.argv = ['gan-chain', '--help']\n"
        "try: main()\n"
        "finally: assert not {'torch', 'web3', 'cryptography'} & set(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
