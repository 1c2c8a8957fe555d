"""Sends transactions: checked before, written to the journal, sent once, and followed until they are final."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from web3.exceptions import TransactionNotFound
from web3.types import TxReceipt

from gan_lightning.chain.contract import Refused
from gan_lightning.chain.journal import Entry, Journal, call_digest
from gan_lightning.chain.places import Place, Unreachable
from gan_lightning.chain.receipts import Announce, Cost, ignore_cost
from gan_lightning.chain.units import format_wei
from gan_lightning.errors import UserError

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

T = TypeVar("T")
MARGIN = 1.25  # of the limit of gas over the estimate: the state may change until the transaction is mined
FIRST_PAUSE, LAST_PAUSE = 0.05, 2.0  # seconds between questions to a node, which grow


class NotEnoughEther(UserError):
    """An account has less ether than a transaction needs.

    Args:
        account: address of the account.
        balance: what it has, in wei.
        needed: what the transaction needs at most, in wei.
    """

    def __init__(self, account: str, balance: int, needed: int) -> None:
        has, most = format_wei(balance), format_wei(needed)
        super().__init__(f"{account} has {has}, and up to {most} are needed: send it some ether")
        self.balance, self.needed = balance, needed


class Sender:
    """Sends the transactions of a chain, each at most once.

    Args:
        place: the chain.
        state: folder of ``chain.json`` and of the journal; None for the usual one of the place.
        confirmations: number of blocks, with that of the transaction, after which it counts as done.
        max_fee: largest fee for one unit of gas, in wei; None for twice the base fee and the usual tip.
        timeout: seconds to wait for a lock, and for a transaction to be mined.
    """

    def __init__(
        self, place: Place, *, state: Path | None, confirmations: int, max_fee: int | None, timeout: float
    ) -> None:
        self._place = place
        self._eth: Any = place.web3.eth
        self._confirmations, self._max_fee, self._timeout = confirmations, max_fee, timeout
        with place.errors():
            self.chain_id = self._eth.chain_id
            self.genesis = _hex(self._eth.get_block(0)["hash"])
        self.folder = state or place.state_folder(self.chain_id)

    def cost(self, account: str, to: str | None, value: int, data: str) -> Cost:
        """Return what a transaction would cost, without sending it.

        A refusal because the block is too early is tried again each second: the pending block of a node may still have
        the time of the newest one.

        Raises:
            Refused: if the contract refuses the call.
            NotEnoughEther: if the account has too little ether.
            UserError: if the network asks more than the largest fee.
        """
        call: Any = {"from": account, "value": value, "data": data} | ({"to": to} if to else {})
        deadline = time.monotonic() + self._timeout
        with self._place.errors():
            self._check_funds(account, value)
        while True:
            try:
                with self._place.errors():
                    gas = int(self._eth.estimate_gas(call, "pending") * MARGIN)
                    break
            except Refused as refusal:
                if refusal.name != "TooEarly" or time.monotonic() > deadline:
                    raise
                time.sleep(1)
        with self._place.errors():
            cost = Cost(gas, *self._fees(), value)
            self._check_funds(account, cost.total)
        return cost

    def is_known(self, transaction: str) -> bool:
        """Return True if the node has a transaction, mined or not; raise Unreachable if that is unknown."""
        with self._place.errors():
            try:
                self._eth.get_transaction(transaction)
            except TransactionNotFound:
                return False
        return True

    def send(
        self,
        account: "LocalAccount",
        to: str | None,
        value: int,
        data: str,
        finish: Callable[[TxReceipt], T],
        announce: Announce = ignore_cost,
    ) -> T:
        """Send a transaction, wait until it has enough confirmations, and return what ``finish`` makes of its receipt.

        If the account has an unfinished transaction, that is finished first. If it does the same, its receipt is
        taken and nothing else is sent.

        Args:
            account: the sender, which signs.
            to: address of the receiver; None to create a contract.
            value: ether to send along, in wei.
            data: data of the call, hexadecimal.
            finish: uses the receipt of a successful transaction, before the journal forgets the transaction.
            announce: called with the cost before a new transaction is sent; if it raises, nothing is sent.

        Raises:
            Refused: if the contract refuses the call.
            UserError: if the transaction cannot be sent, or its outcome is unknown; then the message says so, and
                the same call continues it.
        """
        journal, digest = Journal(self.folder, account.address), call_digest(to, value, data)
        with journal.locked(self._timeout):
            entry = journal.read()
            receipt = self._finish(journal, entry) if entry else None
            if receipt and entry and entry.call != digest:
                journal.clear()
                outcome = f"{'is' if receipt['status'] else 'failed'} in block {receipt['blockNumber']}"
                created = f", contract {receipt['contractAddress']}" if receipt["contractAddress"] else ""
                print(f"note: {entry.hash} of an earlier command {outcome}{created}", file=sys.stderr)
                receipt = None
            if receipt is None:
                cost = self.cost(account.address, to, value, data)
                announce(cost)
                entry = self._sign(account, to, data, cost)
                journal.write(entry)
                receipt = self._submit_and_wait(journal, entry, fresh=True)
            if receipt["status"]:
                result = finish(receipt)
                journal.clear()
                return result
            journal.clear()
            raise UserError(
                f"{_hex(receipt['transactionHash'])} failed in block {receipt['blockNumber']}: the state changed after "
                "the check, and only its gas was paid: run the command again to see why"
            )

    def resume(self, account: str, finish: Callable[[TxReceipt], T]) -> T | None:
        """Finish the transaction that an earlier process left, and return what ``finish`` makes of its receipt.

        Args:
            account: address of the sender.
            finish: uses the receipt of a successful transaction, before the journal forgets the transaction.

        Returns:
            None if there is no such transaction, or it failed.
        """
        journal = Journal(self.folder, account)
        with journal.locked(self._timeout):
            entry = journal.read()
            receipt = self._finish(journal, entry) if entry else None
            result = finish(receipt) if receipt and receipt["status"] else None
            journal.clear()
        return result

    def _sign(self, account: "LocalAccount", to: str | None, data: str, cost: Cost) -> Entry:
        """Return a transaction that was checked and is signed, and not sent yet."""
        with self._place.errors():
            nonce = self._eth.get_transaction_count(account.address, "pending")
        fields: dict[str, Any] = {
            "chainId": self.chain_id,
            "nonce": nonce,
            "value": cost.value,
            "data": data,
            "gas": cost.gas,
            "maxFeePerGas": cost.max_fee,
            "maxPriorityFeePerGas": cost.tip,
        }
        signed = account.sign_transaction(fields | ({"to": to} if to else {}))
        digest = call_digest(to, cost.value, data)
        return Entry(self.genesis, _hex(signed.hash), nonce, _hex(signed.raw_transaction), digest)

    def _finish(self, journal: Journal, entry: Entry) -> TxReceipt | None:
        """Return the receipt of an unfinished transaction; None if it belongs to another chain."""
        if entry.genesis != self.genesis:
            journal.clear()
            print(f"note: {entry.hash} of an earlier command was for another chain of this number", file=sys.stderr)
            return None
        with self._place.errors():
            sender = self._eth.account.recover_transaction(entry.raw)
            # In this order: a transaction that is mined in between has a receipt.
            next_nonce = self._eth.get_transaction_count(sender, "latest")
            if self._receipt(entry.hash) is None and next_nonce > entry.nonce:
                journal.clear()
                raise UserError(
                    f"{entry.hash} of an earlier command was not mined: another transaction of {sender} took its "
                    f"number {entry.nonce}: check what that one did, then run the command again if it is still needed"
                )
        return self._submit_and_wait(journal, entry, fresh=False)

    def _submit_and_wait(self, journal: Journal, entry: Entry, *, fresh: bool) -> TxReceipt:
        """Send the bytes of an entry unless they are mined, and wait for enough confirmations.

        Args:
            journal: the journal that holds the entry.
            entry: the transaction.
            fresh: whether it was never sent before.
        """
        again = "run the same command again: it looks for the transaction first, and nothing is done twice"
        try:
            with self._place.errors():
                if fresh or self._receipt(entry.hash) is None:
                    self._eth.send_raw_transaction(bytes.fromhex(entry.raw[2:]))
        except Unreachable as error:
            raise Unreachable(f"{error}; whether {entry.hash} was accepted is unknown: {again}") from error
        except UserError as error:
            # A node also refuses bytes that it has already.
            if not self.is_known(entry.hash):
                journal.clear()
                raise UserError(f"the transaction was not accepted, and nothing was done: {error}") from error
        receipt = self._poll(lambda: self._final_receipt(entry.hash))
        if receipt is None:
            raise UserError(f"{entry.hash} is not final after {self._timeout:g} s: {again}")
        return receipt

    def _poll(self, question: Callable[[], TxReceipt | None]) -> TxReceipt | None:
        """Return the first answer that is not None; None after the timeout. A node may be away for a while."""
        deadline, pause = time.monotonic() + self._timeout, FIRST_PAUSE
        while True:
            try:
                with self._place.errors():
                    if (answer := question()) is not None:
                        return answer
            except Unreachable:
                pass
            if time.monotonic() > deadline:
                return None
            time.sleep(pause)
            pause = min(1.5 * pause, LAST_PAUSE)

    def _final_receipt(self, transaction: str) -> TxReceipt | None:
        receipt = self._receipt(transaction)
        if receipt is None:
            return None
        blocks = self._eth.block_number - receipt["blockNumber"] + 1
        return receipt if blocks >= self._confirmations else None

    def _receipt(self, transaction: str) -> TxReceipt | None:
        try:
            return cast(TxReceipt, self._eth.get_transaction_receipt(transaction))
        except TransactionNotFound:
            return None

    def _fees(self) -> tuple[int, int]:
        """Return the largest fee and the tip for one unit of gas, in wei."""
        base, tip = self._eth.get_block("latest")["baseFeePerGas"], self._eth.max_priority_fee
        if self._max_fee is None:
            return 2 * base + tip, tip
        if self._max_fee < base:
            wanted, given = format_wei(base), format_wei(self._max_fee)
            raise UserError(f"--max-fee {given}: the network asks {wanted} for one unit of gas: raise it, or wait")
        return min(self._max_fee, 2 * base + tip), min(tip, self._max_fee - base)

    def _check_funds(self, account: str, needed: int) -> None:
        balance = self._eth.get_balance(account)
        if balance < needed:
            raise NotEnoughEther(account, balance, needed)


def _hex(value: bytes) -> str:
    return f"0x{bytes(value).hex()}"
