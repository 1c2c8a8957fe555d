"""Embedded chain: a complete EVM in this process, whose blocks are in a SQLite file. Its ether is play money.

chain.sqlite    blocks, receipts and accounts: one row for each key of py-evm's database
secret          32 random bytes, from which the keys of the demo accounts are derived; mode 0600

Each transaction of the chain is one transaction of SQLite, so a process can be killed at any moment. Several processes
may use one folder: writers wait for each other, and each request sees the newest block.
"""

import hashlib
import hmac
import secrets
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from eth.db.atomic import AtomicDB
from eth.db.backends.base import BaseDB
from eth.exceptions import TransactionNotFound as NotInIndex
from eth.vm.spoof import SpoofTransaction
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.backends.pyevm.serializers import serialize_transaction, serialize_transaction_receipt
from eth_tester.exceptions import TransactionFailed, TransactionNotFound
from eth_utils.toolz import assoc
from web3 import EthereumTesterProvider, Web3
from web3.types import RPCEndpoint, RPCResponse

from gan_lightning.chain.accounts import write_private
from gan_lightning.chain.places import Place, reason_of
from gan_lightning.chain.works import NOBODY
from gan_lightning.errors import UserError, user_error_from

# The packages above raise the limit to 100,000, with which deeply nested JSON of a stranger overflows the stack.
RECURSION_LIMIT = 1000
sys.setrecursionlimit(RECURSION_LIMIT)

DATABASE, SECRET = "chain.sqlite", "secret"
DEMO_ACCOUNTS = ("alice", "bob", "carol")
DEMO_BALANCE = 10_000 * 10**18  # wei
APPLICATION, VERSION = 0x47414E43, 1  # in the header of the file: "GANC", and the version of its tables
_TABLES = """
    CREATE TABLE state (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE clock (ahead INTEGER NOT NULL);
"""


class EmbeddedChain(Place):
    """Chain in a folder.

    Args:
        folder: folder of the chain.
        create: whether to create a chain in a folder that holds none.
        timeout: seconds to wait for another process that writes.

    Raises:
        UserError: if the folder holds no chain, or its file is damaged or of another version.
    """

    read_block = "pending"  # it holds no transactions, and its time is that of now
    blocks_at_once = 64  # a request takes 10 ms a block, and others wait for it

    def __init__(self, folder: Path, *, create: bool, timeout: float) -> None:
        self.name, self._folder, self._timeout = str(folder), folder, timeout
        self._lock = threading.RLock()
        if not (folder / DATABASE).is_file() and not create:
            raise UserError(f"--chain {folder}: holds no chain: check the path, or: gan-chain deploy --chain {folder}")
        try:
            secret = _read_secret(folder, create=not (folder / DATABASE).is_file())
        except OSError as error:
            raise user_error_from(error, str(folder)) from error
        self.demo_accounts = {name: _derive_account(secret, name) for name in DEMO_ACCOUNTS}
        # py-evm asks the sender of a read for gas too: reads come from address 0, whose ether nobody can spend.
        funded = [NOBODY, *(account.address for account in self.demo_accounts.values())]
        state = {"balance": DEMO_BALANCE, "nonce": 0, "code": b"", "storage": {}}
        self._backend = _Backend(genesis_state={bytes.fromhex(address[2:]): state for address in funded})
        with self.errors():
            self._connection = sqlite3.connect(
                folder / DATABASE, timeout=timeout, isolation_level=None, check_same_thread=False
            )
            self._check_file()
            self._open_chain()
        self._tester = EthereumTester(self._backend)
        self.web3 = Web3(_Provider(self, self._tester))

    def state_folder(self, chain_id: int) -> Path:
        return self._folder

    def advance(self, seconds: int) -> None:
        with self.errors(), self.request(writes=True):
            # From the time of the next block, which is ahead of the clock after several blocks in one second.
            ahead = self._backend.chain.header.timestamp + seconds - int(time.time())
            self._connection.execute("UPDATE clock SET ahead = ?", (ahead,))
            self._refresh()
            self._tester.mine_block()

    @contextmanager
    def request(self, *, writes: bool) -> Iterator[None]:
        """Run the body on the newest block, as one transaction of SQLite, which is rolled back if it raises."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
            try:
                self._refresh()
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite itself rolls back if the disk is full
                    self._connection.execute("ROLLBACK")
                raise

    def explain(self, error: Exception) -> UserError:
        if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
            return UserError(f"{self.name}: another process has been writing for {self._timeout:g} s: try again later")
        if isinstance(error, sqlite3.OperationalError):
            return UserError(f"{self._folder / DATABASE}: cannot be used ({error}): check free space and permissions")
        if isinstance(error, sqlite3.DatabaseError):
            return UserError(
                f"{self._folder / DATABASE}: is damaged ({reason_of(error)}): restore a copy, or use another folder"
            )
        return super().explain(error)

    def _check_file(self) -> None:
        """Create the tables of a new file; raise UserError for files of another version, and damaged ones."""
        execute, path = self._connection.execute, self._folder / DATABASE
        if execute("PRAGMA application_id").fetchone() == (0,) and execute("SELECT 1 FROM sqlite_master").fetchone():
            raise UserError(f"{path}: is a SQLite file of another program: use another folder")
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = FULL")
        execute("BEGIN IMMEDIATE")
        try:
            ((application,), (version,)) = (
                execute(f"PRAGMA {key}").fetchone() for key in ("application_id", "user_version")
            )
            if application == 0:
                for statement in _TABLES.split(";")[:-1]:
                    execute(statement)
                execute("INSERT INTO clock VALUES (0)")
                execute(f"PRAGMA application_id = {APPLICATION}")
                execute(f"PRAGMA user_version = {VERSION}")
                genesis = self._backend.chain.chaindb.db.wrapped_db.kv_store
                self._connection.executemany("INSERT INTO state VALUES (?, ?)", genesis.items())
            elif application != APPLICATION:
                raise UserError(f"{path}: is a SQLite file of another program: use another folder")
            elif version != VERSION:
                raise UserError(f"{path}: has version {version}, and this program reads {VERSION}: use another folder")
            elif (found := execute("PRAGMA quick_check(1)").fetchone()) != ("ok",):
                raise UserError(f"{path}: is damaged ({reason_of(found[0])}): restore a copy, or use another folder")
            execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise

    def _open_chain(self) -> None:
        """Put the file in place of the database in memory with which eth-tester has created its chain."""
        self._backend.chain = type(self._backend.chain)(AtomicDB(_Store(self._connection)))

    def _refresh(self) -> None:
        """Let the next block follow the newest one in the file, at the time of now but strictly later."""
        chain = self._backend.chain
        (ahead,) = self._connection.execute("SELECT ahead FROM clock").fetchone()
        head = chain.get_canonical_head()
        now = max(int(time.time()) + ahead, head.timestamp + 1)
        chain.header = chain.create_header_from_parent(head).copy(timestamp=now)


class _Store(BaseDB):
    """Database of py-evm in a table of SQLite."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __getitem__(self, key: bytes) -> bytes:
        row = self._connection.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        return bytes(row[0])

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, value))

    def __delitem__(self, key: bytes) -> None:
        if self._connection.execute("DELETE FROM state WHERE key = ?", (key,)).rowcount == 0:
            raise KeyError(key)

    def _exists(self, key: bytes) -> bool:
        return self._connection.execute("SELECT 1 FROM state WHERE key = ?", (key,)).fetchone() is not None


class _Backend(PyEVMBackend):
    """Backend of eth-tester that finds transactions by py-evm's index, and estimates gas in the pending block too.

    eth-tester itself searches all blocks for each transaction.
    """

    def get_transaction_receipt(self, transaction_hash: bytes) -> dict[str, Any]:
        block, index = self._find(transaction_hash)
        receipts, vm = block.get_receipts(self.chain.chaindb), self.chain.get_vm()
        found = serialize_transaction_receipt(block, receipts, block.transactions[index], index, False, vm)
        return cast(dict[str, Any], found)

    def get_transaction_by_hash(self, transaction_hash: bytes) -> dict[str, Any]:
        block, index = self._find(transaction_hash)
        return cast(dict[str, Any], serialize_transaction(block, block.transactions[index], index, False))

    def _find(self, transaction_hash: bytes) -> tuple[Any, int]:
        """Return the block of a transaction, and its index there; raise TransactionNotFound if there is none."""
        try:
            number, index = self.chain.chaindb.get_transaction_index(transaction_hash)
        except NotInIndex as error:
            raise TransactionNotFound(f"0x{transaction_hash.hex()}") from error
        return self.chain.get_canonical_block_by_number(number), index

    def estimate_gas(self, transaction: dict[str, Any], block_number: str = "latest") -> int:
        if block_number != "pending":
            return int(super().estimate_gas(transaction, block_number))
        limit = self.chain.header.gas_limit
        unsigned = self._get_normalized_and_unsigned_evm_transaction(assoc(transaction, "gas", limit), "pending")
        free = {"gas_price": 0, "max_fee_per_gas": 0, "max_priority_fee_per_gas": 0}  # for senders with little ether
        spoofed = SpoofTransaction(unsigned, from_=transaction["from"], **free)
        with self.chain.get_vm(self.chain.header).in_costless_state() as state:
            computation = state.apply_transaction(spoofed)  # once: py-evm's own estimate makes a binary search
        if computation.is_error:
            raise TransactionFailed(str(computation.error)) from computation.error
        return limit - int(computation.get_gas_remaining())  # refunds come only at the end, and do not count


class _Provider(EthereumTesterProvider):
    """Provider of web3 that answers each request inside a transaction of SQLite."""

    def __init__(self, place: EmbeddedChain, tester: EthereumTester) -> None:
        super().__init__(tester)
        self._place = place

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        with self._place.request(writes=method == "eth_sendRawTransaction"):
            return super().make_request(method, params)


def _read_secret(folder: Path, *, create: bool) -> bytes:
    path = folder / SECRET
    if create:
        with suppress(FileExistsError):
            write_private(path, secrets.token_hex(32) + "\n")
    try:
        return bytes.fromhex(path.read_text(encoding="ascii"))
    except ValueError as error:
        raise UserError(f"{path}: is damaged: restore a copy, or use another folder") from error


def _derive_account(secret: bytes, name: str) -> LocalAccount:
    return Account.from_key(hmac.digest(secret, f"gan-lightning demo account {name}".encode(), hashlib.sha256))
