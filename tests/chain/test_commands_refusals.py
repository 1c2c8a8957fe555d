"""Bad input of gan-chain: one line that names the option, the value and the remedy; nothing is changed."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gan_lightning.chain import accounts, connect

REGISTER = ["register", "7.png", "--ledger", "ledger", "--account", "alice"]
PASSWORD = "correct horse"


@pytest.fixture
def jane(market, monkeypatch):
    """Address of a stored account without ether."""
    Path("password").write_text(f"{PASSWORD}\n")
    monkeypatch.setenv("GAN_CHAIN_PASSWORD_FILE", "password")
    return accounts.create("jane", PASSWORD, iterations=2)


@pytest.mark.parametrize(
    ("reason", "options"),
    [
        ("--price '1 euro': the unit 'euro' is unknown: use ether, gwei or wei", ["--price", "1 euro"]),
        ("--price '1': must be a number and a unit", ["--price", "1"]),
        ("--royalty '101%': must be at most 100%", ["--royalty", "101%"]),
        ("--share '5': must be a percentage", ["--share", "5"]),
        ("--term '30': must be a number and a unit", ["--price", "0", "--term", "30"]),
        ("--hands some: must be a whole number, or 'any'", ["--price", "0", "--hands", "some"]),
        ("--editions 0: must be 1 to", ["--price", "0", "--editions", "0"]),
        ("--until: 2020-01-01 00:00:00 UTC is past", ["--price", "0", "--until", "2020-01-01"]),
        ("the copies would end before they start", ["--price", "0", "--from", "2999-01-01", "--until", "2998-01-01"]),
        ("--from 'soon': must be a date or a time", ["--price", "0", "--from", "soon"]),
        ("--editions: is a term of an offer: give --price too", ["--editions", "2"]),
        ("--licence missing.txt: cannot be read", ["--price", "0", "--licence", "missing.txt"]),
        ("--payee alice:0: the units must be at least 1", ["--payee", "alice:0"]),
        ("--payee alice: must be an account and its units", ["--payee", "alice"]),
        ("--payee dave: no such account (known: alice, bob, carol)", ["--payee", "dave:1"]),
        ("work 9: no such work", ["--part", "9"]),
        ("--image 'picture': must be an address such as ipfs://", ["--image", "picture"]),
        ("--name: must not be empty", ["--name", ""]),
        ("--deadline: is for signed releases", ["--deadline", "2100-01-01"]),
        ("--run .: no contributions in", ["--run", "."]),
        ("--max-fee 1 wei: the network asks", ["--max-fee", "1 wei"]),
        ("--confirmations 0: must be at least 1", ["--confirmations", "0"]),
        ("--confirmations 2: an embedded chain makes no blocks by itself", ["--confirmations", "2"]),
    ],
)
def test_bad_options_of_a_registration(market, reason, options):
    market.assert_refused(reason, *REGISTER, *options)


def test_files_that_are_not_claimed_or_not_anchored(market):
    Path("new.bin").write_bytes(b"new")
    new = ["new.bin", *REGISTER[2:]]
    market.assert_refused("holds no claim of", "register", *new)
    market.do("claim", "new.bin", "--ledger", "ledger", "--account", "alice")
    market.assert_refused("gan-chain anchor the ledger first", "register", *new)
    market.do("anchor", "ledger", "--account", "alice")
    Path("new.bin").write_bytes(b"changed since")
    market.assert_refused("holds no claim of", "register", *new)
    market.assert_refused("new.bin: is not registered on chain", "collect", "new.bin", "--account", "bob")
    market.assert_refused("missing.bin: no such file or folder", "claim", "missing.bin", *REGISTER[2:])
    market.assert_refused("must be the number of a work, or a file or folder", "collect", "missing", "--account", "bob")
    market.assert_refused("nowhere: holds no ledger", "register", "7.png", "--ledger", "nowhere", "--account", "alice")
    market.assert_refused("nowhere: no such ledger or file", "anchor", "nowhere", "--account", "alice")


@pytest.mark.slow
def test_works_and_tokens_that_do_not_exist_or_have_other_holders(market):
    work = market.register("7.png", "alice", "--price", "0", "--share", "60%")
    copy = market.do("collect", work, "--account", "bob")["copy"]
    market.assert_refused(f"work {copy}: is a copy of work {work}", "tip", copy, "1 wei", "--account", "bob")
    market.assert_refused(f"offer 1: work {work} has offers 0 to 0", "collect", f"{work}:1", "--account", "bob")
    market.assert_refused(f"offer 1: work {work} has offers 0 to 0", "close", work, 1, "--account", "alice")
    market.assert_refused("token 99 does not exist", "list", 99, "--price", "1 ether", "--account", "bob")
    market.assert_refused("this account may not do that", "list", copy, "--price", "1 ether", "--account", "alice")
    market.assert_refused("this account may not do that", "allow", work, "everybody", "--account", "bob")
    market.assert_refused("nor was approved by its holder", "burn", copy, "--account", "carol")
    market.assert_refused("--price 0: a sale needs a price", "list", copy, "--price", "0", "--account", "bob")
    market.assert_refused("as work 1, and the claim is not an older one", *REGISTER)
    song = market.register("song.bin", "bob", "--share", "60%")
    for number, account in ((song, "bob"), (work, "alice")):
        market.do("allow", number, "everybody", "--account", account)
    parts = ["--part", work, "--part", song]
    market.assert_refused("their shares are 60% + 60%, more than 100%", "register", "film.bin", *REGISTER[2:], *parts)
    twice = ["--part", work, "--part", work]
    market.assert_refused("a work is named twice", "register", "film.bin", *REGISTER[2:], *twice)


def test_accounts_that_cannot_act(market, jane, monkeypatch):
    tip = ["anchor", "7.png"]
    market.assert_refused("--account: name the account that acts (known: jane, alice, bob, carol)", *tip)
    market.assert_refused("--account dave: no such account", *tip, "--account", "dave")
    market.assert_refused(f"{jane} has 0 wei, and up to", *tip, "--account", "jane")
    market.assert_refused("signing needs the key", *tip, "--account", jane)
    market.assert_refused("must be an address", *tip, "--account", "0x12")
    Path("password").write_text("wrong\n")
    market.assert_refused("the password is wrong", *tip, "--account", "jane")
    monkeypatch.setenv("GAN_CHAIN_PASSWORD_FILE", "missing")
    market.assert_refused("GAN_CHAIN_PASSWORD_FILE=missing: cannot be read", *tip, "--account", "jane")
    monkeypatch.delenv("GAN_CHAIN_PASSWORD_FILE")
    market.assert_refused("cannot be asked for without a terminal", *tip, "--account", "jane")
    (accounts.folder() / "jane.json").chmod(0o644)
    monkeypatch.setenv("GAN_CHAIN_PASSWORD_FILE", "password")
    market.assert_refused("others can read it: chmod 600", *tip, "--account", "jane")
    monkeypatch.setenv("GAN_CHAIN_PRIVATE_KEY", "123")
    market.assert_refused("GAN_CHAIN_PRIVATE_KEY: is no private key", *tip)


def test_private_key_of_the_environment_is_warned_about(market, monkeypatch):
    monkeypatch.setenv("GAN_CHAIN_PRIVATE_KEY", connect("chain").demo_accounts["bob"].key.hex())
    said = market.say("anchor", "7.png")
    assert "is on the chain since" in said
    assert "warning: GAN_CHAIN_PRIVATE_KEY is the key of 0x" in said


def test_stored_account_signs_once_it_has_ether(market, jane):
    client = connect("chain")
    client.pay(client.demo_accounts["alice"], jane, 10**16)
    assert f"jane: {jane}, 0.01 ether" in market.say("account", "list")
    assert market.do("anchor", "7.png", "--account", "jane")["since"] > 0
    assert client.balance(jane) < 10**16


def test_chains_and_contracts_that_are_not_there(market, monkeypatch):
    show = ["show", 1]
    market.assert_refused("--chain nowhere: holds no chain", *show, "--chain", "nowhere")
    market.assert_refused("--chain ftp://host: must be a folder or a URL", *show, "--chain", "ftp://host")
    market.assert_refused("no answer from the node", *show, "--chain", "http://127.0.0.1:9")
    market.assert_refused("no contract at 0x", *show, "--contract", "0x" + "12" * 20)
    monkeypatch.setenv("GAN_CHAIN_CONTRACT", "0x12")
    market.assert_refused("must be an address", *show)
    monkeypatch.delenv("GAN_CHAIN_CONTRACT")
    market.assert_refused("uses the contract", "deploy")
    deployment = json.loads(Path("chain/chain.json").read_text())
    Path("chain/chain.json").write_text(json.dumps(deployment | {"chain_id": 1}))
    market.assert_refused("is about chain 1, and this is chain", *show)
    Path("chain/chain.json").unlink()
    market.assert_refused("no contract there yet: gan-chain deploy", *show)


def test_damaged_database(market):
    database = Path("chain/chain.sqlite")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA user_version = 9")
        connection.commit()
    market.assert_refused("has version 9, and this program reads 1", "show", 1)
    for path in Path("chain").glob("chain.sqlite*"):
        path.unlink()
    shutil.copy("7.png", database)
    code, said = market.run("show", 1)
    assert (code, "is damaged" in said, said.count("\n")) == (2, True, 0)
    assert database.read_bytes() == Path("7.png").read_bytes()
