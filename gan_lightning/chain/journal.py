"""Journal of transactions: each is on disk before it is sent, so that none is sent twice."""

import errno
import fcntl
import hashlib
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from gan_lightning.errors import UserError, user_error_from
from gan_lightning.files import make_folder, synchronize_folder, write_json


@dataclass(frozen=True)
class Entry:
    """Signed transaction that may have been sent, and whose outcome is not known yet.

    Args:
        genesis: hash of the first block of its chain.
        hash: hash of the transaction.
        nonce: number of the transaction among those of its account.
        raw: the signed bytes, hexadecimal.
        call: digest of what it does: receiver, value and data.
    """

    genesis: str
    hash: str
    nonce: int
    raw: str
    call: str


_ADAPTER = TypeAdapter(Entry)


class Journal:
    """File with the unfinished transaction of an account, of which there is at most one.

    Args:
        folder: folder of the state of the chain.
        account: address of the account.
    """

    def __init__(self, folder: Path, account: str) -> None:
        self._account = account
        self._path = folder / "transactions" / f"{account.lower()}.json"

    @contextmanager
    def locked(self, timeout: float) -> Iterator[None]:
        """Make other processes that send transactions of the same account wait until the end of the body.

        Raises:
            UserError: if another process still sends one after that many seconds, or the file cannot be written.
        """
        try:
            make_folder(self._path.parent)
            file = self._path.with_suffix(".lock").open("ab")
        except OSError as error:
            raise user_error_from(error, str(self._path)) from error
        with file:
            start, told = time.monotonic(), False
            while not _try_lock(file.fileno()):
                waited = time.monotonic() - start
                if waited > timeout:
                    raise UserError(
                        f"{self._account}: another process has been sending a transaction for {timeout:g} s: "
                        "try again later"
                    )
                if waited > 1 and not told:
                    print(f"waiting for another process that sends from {self._account}", file=sys.stderr)
                    told = True
                time.sleep(0.02)
            yield

    def read(self) -> Entry | None:
        """Return the unfinished transaction; None if there is none."""
        try:
            return _ADAPTER.validate_json(self._path.read_bytes(), strict=True)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise user_error_from(error, str(self._path)) from error
        except ValueError as error:
            raise UserError(
                f"{self._path}: is damaged: look up the last transactions of {self._account}, then remove the file"
            ) from error

    def write(self, entry: Entry) -> None:
        """Write the transaction that is going to be sent, flushed to disk."""
        try:
            write_json(self._path, asdict(entry))
            synchronize_folder(self._path.parent)
        except OSError as error:
            raise user_error_from(error, str(self._path)) from error

    def clear(self) -> None:
        """Remove the transaction, whose outcome is known."""
        self._path.unlink(missing_ok=True)
        synchronize_folder(self._path.parent)


def call_digest(to: str | None, value: int, data: str) -> str:
    """Return the digest of what a transaction does, hexadecimal."""
    return hashlib.sha256(json.dumps([to, value, data]).encode()).hexdigest()


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN):
            return False
        raise
