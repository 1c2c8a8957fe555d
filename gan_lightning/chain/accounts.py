"""Accounts: keys in keystore files (version 3, as geth and other wallets read them), opened with a password.

<folder of the identity>/accounts/NAME.json    mode 0600
"""

from __future__ import annotations

import getpass
import json
import os
import re
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_lightning.errors import UserError, missing_extra, user_error_from
from gan_lightning.files import synchronize, synchronize_folder
from gan_lightning.paths import STATEMENT_SUFFIX

if TYPE_CHECKING:  # needs an extra
    from eth_account import Account
    from eth_account.signers.local import LocalAccount

ACCOUNT_SUFFIX = f".account{STATEMENT_SUFFIX}"  # of account statements
PASSWORD_FILE = "GAN_CHAIN_PASSWORD_FILE"
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # of the curve secp256k1
KEY = re.compile(r"(0x)?[0-9a-fA-F]{64}", re.ASCII)  # a private key
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)


def folder() -> Path:
    """Return the folder of the accounts, which need not exist."""
    try:
        from gan_lightning.provenance import identity
    except ImportError as error:
        raise missing_extra("accounts", "provenance") from error
    return identity.folder() / "accounts"


def create(name: str, password: str, *, iterations: int | None = None) -> str:
    """Create an account with a random key, and return its address.

    Args:
        name: name of its file, letters, digits, ``-`` and ``_``.
        password: password that opens the file.
        iterations: work factor of scrypt, a power of 2; None for eth-account's default (2^18: about a second).

    Raises:
        UserError: if the name is invalid or taken, or the password is empty.
    """
    return _store(name, secrets.token_bytes(32), password, iterations)


def import_key(name: str, path: Path, password: str, *, iterations: int | None = None) -> str:
    """Store the key in a file as an account, and return its address.

    Args:
        name: name of the account.
        path: a keystore file, opened with the same password, or a file with a private key in hexadecimal.
        password: password that opens the account.
        iterations: work factor of scrypt; None for eth-account's default.

    Raises:
        UserError: if the file holds no key, the password is wrong, or the name is invalid or taken.
    """
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read: give a keystore file or a file with a private key") from error
    if KEY.fullmatch(text):
        return _store(name, bytes.fromhex(text.removeprefix("0x")), password, iterations)
    return _store(name, _decrypt(path, password), password, iterations)


def addresses() -> dict[str, str]:
    """Return the address of each stored account by its name; files that are not keystores are left out."""
    found = {}
    for path in sorted(folder().glob("*.json")):
        try:
            address = json.loads(path.read_text(encoding="utf-8"))["address"].removeprefix("0x")
            found[path.stem] = checksum_address(f"0x{address}")
        except (OSError, ValueError, LookupError, TypeError, AttributeError, UserError):
            continue
    return found


def open_account(name: str, password: str) -> LocalAccount:
    """Return a stored account, which can sign.

    Raises:
        UserError: if there is no such account, others can read its file, or the password is wrong.
    """
    path = _path(name)
    if not path.is_file():
        known = ", ".join(addresses()) or "none"
        raise UserError(f"no account {name!r} in {folder()} (there: {known}): gan-chain account new {name}")
    if path.stat().st_mode & 0o077:
        raise UserError(f"{path}: others can read it: chmod 600 {path}")
    return _library().from_key(_decrypt(path, password))


def read_password(name: str, *, confirm: bool = False) -> str:
    """Return the password of an account: from the file GAN_CHAIN_PASSWORD_FILE, or else by a prompt.

    Args:
        name: name of the account, for the prompt.
        confirm: whether to ask twice, for a new account.

    Raises:
        UserError: if the file cannot be read, nobody can be asked, or the two answers differ.
    """
    if named := os.environ.get(PASSWORD_FILE):
        try:
            return Path(named).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            raise UserError(f"{PASSWORD_FILE}={named}: cannot be read: name a text file with the password") from error
    if not sys.stdin.isatty():
        raise UserError(f"the password of account {name!r} cannot be asked for without a terminal: set {PASSWORD_FILE}")
    password = getpass.getpass(f"Password of account {name}: ")
    if confirm and getpass.getpass("The same again: ") != password:
        raise UserError("the passwords differ: try again")
    return password


def checksum_address(text: str) -> str:
    """Return an address with the capital letters of its checksum (EIP-55).

    Raises:
        UserError: if it is not an address, or its capital letters are not those of its checksum.
    """
    try:
        from eth_utils.address import to_checksum_address
    except ImportError as error:
        raise missing_extra(text, "chain") from error
    if not _ADDRESS.fullmatch(text):
        raise UserError(f"{text!r}: must be an address: 0x and 40 hexadecimal digits")
    address = str(to_checksum_address(text))
    if text not in (address, text.lower(), f"0x{text[2:].upper()}"):
        raise UserError(f"{text}: has a typing error: its capital letters are not those of its checksum: copy it again")
    return address


def write_private(path: Path, content: str) -> None:
    """Write a new file that only its owner can read, in a folder that only its owner can enter, flushed to disk.

    Raises:
        FileExistsError: if the file exists.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    unfinished.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(content)
            synchronize(file)
        os.link(unfinished, path)  # unlike a rename, it does not replace a file
    finally:
        unfinished.unlink(missing_ok=True)
    synchronize_folder(path.parent)


def _store(name: str, key: bytes, password: str, iterations: int | None) -> str:
    path = _path(name)
    if not password:
        raise UserError(f"the password of account {name!r} must not be empty")
    if path.exists():
        raise UserError(f"{path}: exists already: choose another name")
    if not 0 < int.from_bytes(key, "big") < _ORDER:
        raise UserError(f"account {name!r}: the key is not one of secp256k1: give another one")
    library = _library()
    keystore = library.encrypt(key, password, kdf="scrypt", iterations=iterations)
    try:
        write_private(path, json.dumps(keystore) + "\n")
    except FileExistsError as error:
        raise UserError(f"{path}: exists already: choose another name") from error
    except OSError as error:
        raise user_error_from(error, str(path)) from error
    return str(library.from_key(key).address)


def _decrypt(path: Path, password: str) -> bytes:
    try:
        keystore: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: is not a keystore file of version 3") from error
    try:
        return bytes(_library().decrypt(keystore, password))
    except ValueError as error:
        if "MAC" in str(error):
            raise UserError(f"{path}: the password is wrong: try again") from error
        raise UserError(f"{path}: is not a keystore file of version 3 ({error})") from error
    except (TypeError, LookupError, AttributeError) as error:
        raise UserError(f"{path}: is not a keystore file of version 3 ({type(error).__name__})") from error


def _path(name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise UserError(f"account {name!r}: must be 1 to 64 letters, digits, '-' or '_'")
    return folder() / f"{name}.json"


def _library() -> type[Account]:
    try:
        from eth_account import Account
    except ImportError as error:
        raise missing_extra("accounts", "chain") from error
    return Account
