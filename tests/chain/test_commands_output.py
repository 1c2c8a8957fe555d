"""Each action of gan-chain prints JSON with --json, and changes nothing with --dry-run."""

import json
from pathlib import Path

import pytest

from gan_lightning.commands.chain import ACTIONS

ALICE, BOB = ["--account", "alice"], ["--account", "bob"]
ARGUMENTS = {  # of each action, in an order in which all succeed; work 1 is there, copy 2 is bob's
    "account new": ["jane"],
    "account import": ["jim", "key"],
    "account list": [],
    "account link": ["alice"],
    "deploy": ["--chain", "other"],
    "claim": ["film.bin", "new.bin", "--ledger", "ledger", *BOB],
    "anchor": ["ledger", *ALICE],
    "register": ["song.bin", "--ledger", "ledger", *BOB, "--price", "1 ether", "--editions", "any"],
    "offer": [1, "--price", "0", "--revocable", *ALICE],
    "allow": [1, "everybody", *ALICE],
    "collect": [1, *BOB],
    "list": [2, "--price", "1 ether", *BOB],
    "buy": [2, *ALICE],
    "tip": [1, "7 wei", *BOB],
    "withdraw": ["alice", *BOB],
    "burn": [2, *ALICE],
    "show": [1],
    "check": ["ledger"],
    "close": [1, 0, *ALICE],
    "revoke": [3, *ALICE],
}
UNCHANGED = {"account list", "show", "check"}


@pytest.fixture
def trading(market, monkeypatch):
    """Market with work 1 of alice, of which bob holds copies 2 and 3, and a new file."""
    monkeypatch.setenv("GAN_CHAIN_PASSWORD_FILE", "password")
    Path("password").write_text("password\n")
    Path("key").write_text("12" * 32)
    Path("new.bin").write_bytes(b"new")
    market.register("7.png", "alice", "--price", "1 ether", "--editions", 4, "--revocable")
    for _ in range(2):
        market.do("collect", 1, *BOB)
    return market


def test_every_action_is_called_here():
    assert sorted(ARGUMENTS) == sorted(action.name for action in ACTIONS)


def test_every_action_prints_json_and_a_dry_run_changes_nothing(trading, monkeypatch):
    monkeypatch.setattr("eth_account.account.Account._default_kdf", "pbkdf2", raising=False)
    before = trading.snapshot()
    for name, arguments in ARGUMENTS.items():
        if name in UNCHANGED or (name == "buy" and not trading.do("list", 2, "--price", "1 ether", *BOB)):
            continue
        if name == "buy":
            before = trading.snapshot()
        said = trading.say(*name.split(), *arguments, "--dry-run")
        assert "dry run: " in said, name
        assert trading.snapshot() == before, name
    trading.do("list", 2, "--no", *BOB)
    for name, arguments in ARGUMENTS.items():
        code, said = trading.run(*name.split(), *arguments, "--json")
        assert code == 0, said
        answer = json.loads(said)
        assert answer["action"] == name
        assert answer["result"], name
        if name not in UNCHANGED:
            assert answer["dry_run"] is False
        if "does" in answer:
            assert answer["cost"]["gas"] > answer["transaction"]["gas"] > 20_000, name
            assert isinstance(answer["cost"]["fee"], str)


def test_dry_run_in_json_tells_the_cost(trading):
    answer = json.loads(trading.say("collect", 1, "--account", "carol", "--dry-run", "--json"))
    assert answer["dry_run"] is True
    assert answer["cost"]["value"] == str(10**18)
    assert "transaction" not in answer


def test_dry_run_of_a_new_chain_leaves_no_folder(market):
    assert "create the contract on other: up to 5," in market.say("deploy", "--chain", "other", "--dry-run")
    assert not Path("other").exists()


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_help_of_an_action_has_an_example(called, action):
    from gan_lightning.commands import chain as gan_chain

    code, said = called(gan_chain.main, *action.name.split(), "--help")
    assert (code, f"\n    gan-chain {action.name}" in said) == (0, True)
