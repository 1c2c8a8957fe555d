"""Client of the contract ``Works`` on an embedded chain or on that of a node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from web3.exceptions import TransactionNotFound
from web3.types import TxReceipt

from gan_lightning.chain.accounts import checksum_address
from gan_lightning.chain.claims import Evidence
from gan_lightning.chain.contract import compiled, release_message
from gan_lightning.chain.deployment import NAME as DEPLOYMENT
from gan_lightning.chain.deployment import Deployment, read_deployment
from gan_lightning.chain.logs import Logs
from gan_lightning.chain.places import open_place
from gan_lightning.chain.receipts import Announce, Cost, Event, Receipt, Report, ignore_cost, ignore_receipt
from gan_lightning.chain.sending import Sender
from gan_lightning.chain.works import NOBODY, Draft, Offer
from gan_lightning.errors import UserError

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount


class Client:
    """Client of the contract on one chain. Amounts are in wei, times in seconds since 1970.

    Made by :func:`gan_lightning.chain.connect`, which describes the arguments.

    Attributes:
        chain_id: number of the chain.
        genesis: hash of the first block of the chain.
        address: address of the contract; None before :meth:`deploy`.
        demo_accounts: accounts of an embedded chain with play money, by their names; empty for a node.
    """

    def __init__(
        self,
        place: str | Path,
        *,
        create: bool,
        contract: str | None,
        state: Path | None,
        confirmations: int,
        max_fee: int | None,
        timeout: float,
    ) -> None:
        if confirmations < 1:
            raise UserError(f"--confirmations {confirmations}: must be at least 1")
        self._place = open_place(place, create, timeout)
        self._sender = Sender(self._place, state=state, confirmations=confirmations, max_fee=max_fee, timeout=timeout)
        self.chain_id, self.genesis = self._sender.chain_id, self._sender.genesis
        self.demo_accounts: Mapping[str, LocalAccount] = self._place.demo_accounts
        self.address: str | None = None
        self._contract: Any = None
        self._logs: Logs | None = None
        if deployment := read_deployment(self._sender.folder):
            deployment.check_chain(self._sender.folder / DEPLOYMENT, self.chain_id, self.genesis)
            self._use_contract(deployment.contract, deployment.block)
        if contract and checksum_address(contract) != self.address:
            self._use_contract(checksum_address(contract), 0)

    def deploy(
        self, account: LocalAccount, *, report: Report = ignore_receipt, announce: Announce = ignore_cost
    ) -> Receipt:
        """Create the contract and write ``chain.json``.

        Args:
            account: the sender, which signs.
            report: tells the user the outcome, as in :meth:`transact`.
            announce: tells the user the cost, as in :meth:`transact`.

        Raises:
            UserError: if there is a contract already.
        """

        def finish(raw: TxReceipt) -> Receipt:
            address = raw["contractAddress"]
            assert address is not None
            Deployment(self.chain_id, self.genesis, address, raw["blockNumber"]).write(self._sender.folder)
            self._use_contract(address, raw["blockNumber"])
            return self._report(raw, report)

        return self._sender.send(account, None, 0, self._deployment_data(), finish, announce)

    def cost_of_deployment(self, account: str) -> Cost:
        """Return what :meth:`deploy` would cost an account, at most; raise UserError if there is a contract already."""
        return self._sender.cost(checksum_address(account), None, 0, self._deployment_data())

    def read(self, function: str, *arguments: Any) -> Any:
        """Return the result of a function of the contract that changes nothing.

        Args:
            function: its name, such as ``ownerOf``.
            *arguments: its arguments; Draft, Offer and Evidence are taken as they are, digests as bytes.

        Raises:
            Refused: if the contract refuses.
        """
        with self._place.errors():
            return self._function(function, arguments).call({"from": NOBODY}, self._place.read_block)

    def cost(self, account: str, function: str, *arguments: Any, value: int = 0) -> Cost:
        """Return what a call would cost, at most, without sending it; raise Refused if the contract refuses it.

        Args:
            account: address of the sender.
            function: name of the function of the contract.
            *arguments: its arguments, as for :meth:`read`.
            value: ether to send along.
        """
        return self._sender.cost(checksum_address(account), self._to, value, self.encode(function, *arguments))

    def encode(self, function: str, *arguments: Any) -> str:
        """Return the data of a transaction that calls a function of the contract, hexadecimal with ``0x``."""
        with self._place.errors():
            return str(self._function(function, arguments)._encode_transaction_data())

    def transact(
        self,
        account: LocalAccount,
        function: str,
        *arguments: Any,
        value: int = 0,
        report: Report = ignore_receipt,
        announce: Announce = ignore_cost,
    ) -> Receipt:
        """Call a function of the contract in a transaction, and return its outcome.

        An unfinished transaction of the account is finished first. If it makes the same call, its outcome is returned
        and nothing else is sent.

        Args:
            account: the sender, which signs.
            function: name of the function of the contract.
            *arguments: its arguments, as for :meth:`read`.
            value: ether to send along.
            report: tells the user the outcome. The transaction stays unfinished until it returns, so a command that is
                killed before it has told the outcome tells it the next time, and does not send another transaction.
            announce: tells the user the cost before a new transaction is sent; if it raises, nothing is sent.

        Raises:
            Refused: if the contract refuses the call; nothing is sent.
            Unreachable: if the node does not answer; the message says whether the transaction may have been accepted.
            UserError: if the account has too little ether, or the transaction is not final in time.
        """
        return self._send(account, self._to, value, self.encode(function, *arguments), report, announce)

    def resume(self, account: str, report: Report = ignore_receipt) -> Receipt | None:
        """Finish the transaction that a killed command left, and return its outcome; None if there is none.

        Args:
            account: address of the sender.
            report: tells the user the outcome, as in :meth:`transact`.
        """
        return self._sender.resume(checksum_address(account), lambda raw: self._report(raw, report))

    def pay(self, account: LocalAccount, to: str, value: int, *, report: Report = ignore_receipt) -> Receipt:
        """Send ether to an account, as :meth:`transact` does."""
        return self._send(account, checksum_address(to), value, "0x", report, ignore_cost)

    def events(self, name: str, **arguments: Any) -> list[Event]:
        """Return all events of a name since the contract exists, in their order.

        Args:
            name: name of the event, such as ``Sold``.
            **arguments: indexed arguments that they must have, such as ``work=7``.
        """
        return self.logs.named(name, **arguments)

    @property
    def logs(self) -> Logs:
        """Logs of the contract; raise UserError if there is no contract."""
        _ = self._to
        assert self._logs is not None
        return self._logs

    def outcome(self, transaction: str) -> tuple[bool, Receipt] | None:
        """Return whether a transaction did what it should, and its receipt; None while it is not mined.

        Args:
            transaction: hash of the transaction, hexadecimal with ``0x``.
        """
        with self._place.errors():
            try:
                raw = self._place.web3.eth.get_transaction_receipt(transaction)  # type: ignore[arg-type]
            except TransactionNotFound:
                return None
        return bool(raw["status"]), self._describe(raw)

    def is_known(self, transaction: str) -> bool:
        """Return True if the node has a transaction, mined or not."""
        return self._sender.is_known(transaction)

    def balance(self, account: str) -> int:
        eth: Any = self._place.web3.eth
        with self._place.errors():
            return int(eth.get_balance(checksum_address(account)))

    def block_number(self) -> int:
        with self._place.errors():
            return int(self._place.web3.eth.block_number)

    def block_hash(self, number: int) -> str:
        with self._place.errors():
            return f"0x{bytes(self._place.web3.eth.get_block(number)['hash']).hex()}"

    def now(self) -> int:
        """Return the time of the block that reads see."""
        with self._place.errors():
            return int(self._place.web3.eth.get_block(self._place.read_block)["timestamp"])

    def block_time(self, number: int) -> int:
        with self._place.errors():
            return int(self._place.web3.eth.get_block(number)["timestamp"])

    def advance(self, seconds: int) -> None:
        """Let time pass on an embedded chain or a development node; raise UserError on others."""
        if seconds < 1:
            raise UserError(f"{seconds} s: must be at least 1 second")
        self._place.advance(seconds)

    def sign_release(self, account: LocalAccount, artifact: str, draft: Draft) -> bytes:
        """Return the signature by which the creator lets others register a draft."""
        message = release_message(self._to, self.chain_id, artifact, draft)
        return bytes(account.sign_typed_data(full_message=message).signature)

    @property
    def _to(self) -> str:
        if self.address is None:
            raise UserError(f"{self._place.name}: no contract there yet: gan-chain deploy, or name one: --contract 0x…")
        return self.address

    def _deployment_data(self) -> str:
        if self.address:
            raise UserError(f"{self._place.name}: uses the contract {self.address} already: choose another --chain")
        contract: Any = self._place.web3.eth.contract(abi=compiled()["abi"], bytecode=compiled()["bytecode"])
        return str(contract.constructor().data_in_transaction)

    def _function(self, name: str, arguments: Sequence[Any]) -> Any:
        _ = self._to
        return self._contract.functions[name](*(_plain_argument(one) for one in arguments))

    def _use_contract(self, address: str, block: int) -> None:
        eth: Any = self._place.web3.eth
        with self._place.errors():
            if not eth.get_code(address):
                raise UserError(f"{self._place.name}: no contract at {address}: check --chain and --contract")
            self._contract = eth.contract(address=address, abi=compiled()["abi"])
        self.address, self._logs = address, Logs(self._place, self._contract, block)

    def _send(
        self, account: LocalAccount, to: str, value: int, data: str, report: Report, announce: Announce
    ) -> Receipt:
        return self._sender.send(account, to, value, data, lambda raw: self._report(raw, report), announce)

    def _report(self, raw: TxReceipt, report: Report) -> Receipt:
        receipt = self._describe(raw)
        report(receipt)
        return receipt

    def _describe(self, receipt: TxReceipt) -> Receipt:
        events = self._logs.in_receipt(receipt) if self._logs else []
        return Receipt(
            f"0x{bytes(receipt['transactionHash']).hex()}",
            receipt["blockNumber"],
            self.block_time(receipt["blockNumber"]),
            receipt["gasUsed"],
            receipt["gasUsed"] * receipt["effectiveGasPrice"],
            receipt["contractAddress"],
            events,
        )


def _plain_argument(value: Any) -> Any:
    return value.as_tuple() if isinstance(value, (Draft, Offer, Evidence)) else value
