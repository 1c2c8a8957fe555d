"""Keystores, passwords, and statements that link an account with an identity."""

import base64
import json
import stat
from datetime import UTC, datetime

import pytest
from eth_account import Account

from gan_lightning.chain import accounts
from gan_lightning.chain.account_statements import attest_account, verify_account_statement
from gan_lightning.errors import UserError
from gan_lightning.provenance import identity
from gan_lightning.provenance.statements import statement_path

FAST = 2  # work factor of scrypt


@pytest.fixture
def alice():
    accounts.create("alice", "secret", iterations=FAST)
    return accounts.open_account("alice", "secret")


def test_created_account_is_opened(identity_folder):
    address = accounts.create("alice", "secret", iterations=FAST)
    path = identity_folder / "accounts" / "alice.json"
    assert accounts.open_account("alice", "secret").address == address
    assert accounts.addresses() == {"alice": address}
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    assert [one.name for one in path.parent.iterdir()] == ["alice.json"]
    keystore = json.loads(path.read_text())
    assert (keystore["version"], keystore["crypto"]["kdf"]) == (3, "scrypt")
    assert Account.decrypt(keystore, "secret") == accounts.open_account("alice", "secret").key


def test_keys_and_keystores_are_imported(tmp_path, alice, identity_folder):
    (tmp_path / "key.txt").write_text(f"0x{bytes(alice.key).hex()}\n")
    assert accounts.import_key("again", tmp_path / "key.txt", "other", iterations=FAST) == alice.address
    keystore = identity_folder / "accounts" / "alice.json"
    assert accounts.import_key("third", keystore, "secret", iterations=FAST) == alice.address
    assert set(accounts.addresses()) == {"alice", "again", "third"}


def test_unusable_accounts_are_rejected(tmp_path, alice, identity_folder):
    folder = identity_folder / "accounts"
    (folder / "damaged.json").write_text('{"version": 3}')
    (folder / "damaged.json").chmod(0o600)
    (tmp_path / "zero.txt").write_text("0" * 64)
    (tmp_path / "text.txt").write_text("hello")
    for call, reason in {
        lambda: accounts.open_account("alice", "wrong"): "the password is wrong",
        lambda: accounts.open_account(
            "bob", "secret"
        ): r"no account 'bob' in .* \(there: alice\): gan-chain account new bob",
        lambda: accounts.open_account("damaged", "secret"): "not a keystore file",
        lambda: accounts.create("alice", "secret", iterations=FAST): "exists already",
        lambda: accounts.create("../x", "secret", iterations=FAST): "must be 1 to 64 letters",
        lambda: accounts.create("bob", "", iterations=FAST): "must not be empty",
        lambda: accounts.import_key("bob", tmp_path / "zero.txt", "x", iterations=FAST): "not one of secp256k1",
        lambda: accounts.import_key("bob", tmp_path / "text.txt", "x", iterations=FAST): "not a keystore file",
        lambda: accounts.import_key("bob", tmp_path / "none", "x", iterations=FAST): "cannot be read",
        lambda: accounts.checksum_address("0x12"): "must be an address",
        lambda: accounts.checksum_address(alice.address.swapcase().replace("X", "x", 1)): "has a typing error",
    }.items():
        with pytest.raises(UserError, match=reason) as caught:
            call()
        assert "\n" not in str(caught.value)
    (folder / "alice.json").chmod(0o644)
    with pytest.raises(UserError, match="others can read it: chmod 600"):
        accounts.open_account("alice", "secret")


def test_password_is_read_from_a_file_or_a_terminal(tmp_path, monkeypatch):
    (tmp_path / "password").write_text("secret word\n")
    with monkeypatch.context() as context:
        context.setenv("GAN_CHAIN_PASSWORD_FILE", str(tmp_path / "password"))
        assert accounts.read_password("alice") == "secret word"
        context.setenv("GAN_CHAIN_PASSWORD_FILE", str(tmp_path / "none"))
        with pytest.raises(UserError, match="cannot be read: name a text file"):
            accounts.read_password("alice")
    with pytest.raises(UserError, match="without a terminal: set GAN_CHAIN_PASSWORD_FILE"):
        accounts.read_password("alice")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    answers = iter(["a", "a", "a", "b"])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
    assert accounts.read_password("alice", confirm=True) == "a"
    with pytest.raises(UserError, match="the passwords differ"):
        accounts.read_password("alice", confirm=True)


def test_statement_links_account_and_identity(tmp_path, alice):
    jane = identity.create("Jane Doe", "Example")
    path = attest_account(jane, alice, 1, statement_path(tmp_path / "alice"))
    link = verify_account_statement(path, jane.root)
    assert (link.account, link.chain_id, link.signer, link.distrust) == (alice.address, 1, "Jane Doe, Example", None)
    assert verify_account_statement(path, b"").distrust == "no root is trusted"
    payload = json.loads(base64.b64decode(json.loads(path.read_text())["payload"]))
    assert payload["subject"][0]["name"] == f"eip155:1:{alice.address.lower()}"
    assert abs((datetime.fromisoformat(payload["predicate"]["created"]) - datetime.now(UTC)).total_seconds()) < 60


def test_statement_without_the_account_is_rejected(tmp_path, alice, monkeypatch):
    """Another identity takes over the statement, or claims an account whose key it does not have."""
    jane = identity.create("Jane Doe", "Example")
    path = attest_account(jane, alice, 1, tmp_path / "alice.intoto.json")
    payload = json.loads(base64.b64decode(json.loads(path.read_text())["payload"]))
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "john"))
    john = identity.create("John Doe", "Example")
    from gan_lightning.chain.account_statements import ACCOUNT
    from gan_lightning.provenance.statements import write_statement

    for signature in (payload["predicate"]["signature"], "00" * 65, "x", None):
        forged = write_statement(john, payload["subject"], ACCOUNT, {"signature": signature}, tmp_path / "forged.json")
        with pytest.raises(UserError, match="has not signed this certificate"):
            verify_account_statement(forged, john.root)
    other = write_statement(john, payload["subject"], "urn:other", {}, tmp_path / "other.json")
    with pytest.raises(UserError, match="is no account statement: gan-chain"):
        verify_account_statement(other, john.root)
    changed = json.loads(path.read_text())
    changed["payload"] = base64.b64encode(
        base64.b64decode(changed["payload"]).replace(b"eip155:1:", b"eip155:2:")
    ).decode()
    (tmp_path / "changed.json").write_text(json.dumps(changed))
    with pytest.raises(UserError, match="does not match its content"):
        verify_account_statement(tmp_path / "changed.json", jane.root)
    with pytest.raises(UserError, match="cannot be read"):
        verify_account_statement(tmp_path / "none.json", jane.root)
