"""Runs Works.sol in an EVM inside this process (pyrevm), and builds the arguments of its functions."""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from eth_abi import decode, encode
from eth_account import Account
from eth_utils.abi import (
    event_abi_to_log_topic,
    function_abi_to_4byte_selector,
    get_abi_input_types,
    get_abi_output_types,
)
from pyrevm import EVM, BlockEnv, Env

from gan_lightning.paths import PACKAGE
from gan_lightning.provenance import merkle

# The environment variable names another contract to test: a mutant.
ARTIFACT = Path(os.environ.get("WORKS_JSON", PACKAGE / "chain" / "Works.json"))
START = 1_900_000_000  # time of the first block
DAY = 86_400
ETHER = 10**18
NOBODY = "0x" + "00" * 20
UNLIMITED = 2**16 - 1  # `ANY` of the contract
KEYS = [Account.from_key(number.to_bytes(32)) for number in range(1, 10)]
ACCOUNTS = [key.address.lower() for key in KEYS]


class Offer(NamedTuple):
    """Terms on which copies are sold; the fields are those of the contract's struct."""

    price: int = 0
    start: int = 0  # `from` of the struct
    until: int = 0
    term: int = 0
    editions: int = 1
    hands: int = UNLIMITED
    revocable: bool = False
    licence: bytes = bytes(32)


class Draft(NamedTuple):
    """Terms of a work; the fields are those of the contract's struct."""

    metadata: bytes = bytes(32)
    royalty: int = 500
    share: int = 0
    payees: Sequence[tuple[str, int]] = ((NOBODY, 1),)
    parts: Sequence[int] = ()
    offers: Sequence[Offer] = ()
    deadline: int = 2**63


PLAIN_DRAFT = Draft()


class Claim(NamedTuple):
    """A line of a ledger with its inclusion proof; the fields are those of the contract's struct."""

    account: str
    artifact: bytes
    rest: str
    path: Sequence[bytes]
    lefts: int


class Refused(Exception):
    """The contract reverted.

    Args:
        name: name of the contract's error, or the EVM's message.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Chain:
    """A chain in memory with the contract. Calls stay in one block until :meth:`wait` starts another.

    Args:
        artifact: JSON file with ABI and bytecode.
    """

    def __init__(self, artifact: Path = ARTIFACT) -> None:
        content = json.loads(artifact.read_text(encoding="utf-8"))
        entries = content["abi"]
        # The overloaded safeTransferFrom is not called here.
        self._functions = {entry["name"]: entry for entry in entries if entry["type"] == "function"}
        self._events = {event_abi_to_log_topic(entry): entry for entry in entries if entry["type"] == "event"}
        self._errors = {function_abi_to_4byte_selector(entry): entry for entry in entries if entry["type"] == "error"}
        self.now = START
        self.evm = EVM(env=Env(block=BlockEnv(number=1, timestamp=START)), spec_id="CANCUN")
        for account in ACCOUNTS:
            self.evm.set_balance(account, 10**12 * ETHER)
        self.address = self.evm.deploy(ACCOUNTS[0], bytes.fromhex(content["bytecode"][2:]))

    def encode(self, name: str, arguments: Sequence[Any]) -> bytes:
        """Return the data of a transaction that calls a function."""
        entry = self._functions[name]
        return function_abi_to_4byte_selector(entry) + encode(get_abi_input_types(entry), arguments)

    def decode(self, name: str, output: bytes) -> Any:
        """Return the result of a function; a tuple if there are several, None if there is none."""
        results = decode(get_abi_output_types(self._functions[name]), output)
        return results[0] if len(results) == 1 else results or None

    def call(self, name: str, *arguments: Any, sender: str = ACCOUNTS[0], value: int = 0) -> Any:
        """Call a function in a transaction and return its result. Raise Refused if the contract reverts."""
        data = self.encode(name, arguments)
        try:
            output = self.evm.message_call(sender, self.address, calldata=data, value=value, gas=30_000_000)
        except RuntimeError as error:
            raise Refused(self._explain(str(error))) from None
        return self.decode(name, bytes(output))

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Return names and arguments of the events of the last call."""
        result = self.evm.result
        return [self._read_event(*log.data) for log in result.logs] if result else []

    def wait(self, seconds: int) -> None:
        """Start a block that is so many seconds later."""
        self.now += seconds
        self.evm.set_block_env(BlockEnv(number=self.now, timestamp=self.now))

    @property
    def balance(self) -> int:
        """Wei that the contract holds."""
        return self.evm.get_balance(self.address)

    def claim(self, account: str, artifact: bytes, size: int = 1, index: int = 0) -> Claim:
        """Anchor a new ledger that has a claim among other lines, start a later block and return the claim."""
        fillers = [ledger_line(ACCOUNTS[0], number.to_bytes(32), f',"at":{self.now}}}') for number in range(size - 1)]
        lines = [*fillers[:index], ledger_line(account, artifact), *fillers[index:]]
        self.call("anchor", ledger_root(lines), size)
        self.wait(1)
        return prove(lines, index)

    def publish(self, account: str, artifact: bytes, draft: Draft = PLAIN_DRAFT) -> int:
        """Claim an artifact, register it, and return the number of the work."""
        claim = self.claim(account, artifact)
        return int(self.call("register", claim, draft, b"", sender=account))

    def _explain(self, message: str) -> str:
        selector = re.search(r"output: 0x([0-9a-f]{8})", message)
        entry = self._errors.get(bytes.fromhex(selector[1])) if selector else None
        return entry["name"] if entry else message

    def _read_event(self, topics: list[bytes], data: bytes) -> tuple[str, dict[str, Any]]:
        entry = self._events[bytes(topics[0])]
        indexed = [one for one in entry["inputs"] if one["indexed"]]
        others = [one for one in entry["inputs"] if not one["indexed"]]
        values = [decode([one["type"]], bytes(topic))[0] for one, topic in zip(indexed, topics[1:], strict=True)]
        values += decode([one["type"] for one in others], bytes(data))
        return entry["name"], dict(zip([one["name"] for one in indexed + others], values, strict=True))


def ledger_line(account: str, artifact: bytes, rest: str = "}") -> bytes:
    """Return a ledger's line by which an account claims an artifact."""
    return f'{{"account":"{account}","artifact":"{artifact.hex()}"{rest}'.encode()


def ledger_root(lines: Sequence[bytes]) -> bytes:
    return merkle.Tree(map(merkle.leaf_hash, lines)).root


def prove(lines: Sequence[bytes], index: int) -> Claim:
    """Return the claim in one line of a ledger, with its inclusion proof."""
    path = merkle.inclusion_proof([merkle.leaf_hash(line) for line in lines], index)
    line, start = lines[index].decode(), len(ledger_line(NOBODY, bytes(32), ""))
    account, artifact = line[12:54], bytes.fromhex(line[68:132])
    return Claim(account, artifact, line[start:], path, left_siblings(index, len(lines)))


def left_siblings(index: int, size: int) -> int:
    """Return an integer whose bit i is set if hash i of an inclusion proof is a left sibling (RFC 9162, 2.1.3.2)."""
    last, bits, level = size - 1, 0, 0
    while last:
        if index & 1 or index == last:
            bits |= 1 << level
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        index, last, level = index >> 1, last >> 1, level + 1
    return bits
