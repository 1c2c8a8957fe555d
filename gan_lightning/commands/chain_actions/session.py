"""The chain, the contract and the account that the options of a command name."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_lightning.chain import accounts, connect
from gan_lightning.chain.units import format_rounded, format_wei
from gan_lightning.chain.works import NOBODY
from gan_lightning.commands.chain_actions.action import Outcome
from gan_lightning.commands.chain_actions.private_key import read_private_key
from gan_lightning.commands.options import contract_of
from gan_lightning.errors import UserError, printable

if TYPE_CHECKING:  # slow to import, or needs an extra
    from eth_account.signers.local import LocalAccount

    from gan_lightning.chain.artifacts import Artifact
    from gan_lightning.chain.client import Client
    from gan_lightning.chain.receipts import Cost, Receipt
    from gan_lightning.provenance.contents import Contents

CHAIN, ACCOUNT = "GAN_CHAIN", "GAN_CHAIN_ACCOUNT"
DEFAULT_CHAIN = "outputs/chain"
HOLDER, EVERYBODY = "holder", "everybody"  # words for address 0


class Session:
    """Opens the chain, the contract and the account that the options of a command name, each when it is needed.

    Args:
        arguments: the parsed command line.

    Attributes:
        place: folder or URL of the chain.
        dry_run: True if nothing may be sent or written.
        report: plain values about the chain, the account and the transaction, for ``--json``.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._told = False
        self.place: str = getattr(arguments, "chain", None) or os.environ.get(CHAIN) or DEFAULT_CHAIN
        self.dry_run: bool = getattr(arguments, "dry_run", False)
        self.report: dict[str, Any] = {}

    @property
    def embedded(self) -> bool:
        return "://" not in self.place

    @property
    def has_chain(self) -> bool:
        """True if the chain is open already, or can be: the place is no folder without a chain."""
        return "client" in vars(self) or not self.embedded or (Path(self.place) / "chain.sqlite").is_file()

    @cached_property
    def client(self) -> Client:
        return self.connect_to(self.place)

    def connect_to(self, place: str, *, create: bool = False) -> Client:
        """Return a client of the chain at a place, with the options of the command."""
        confirmations = getattr(self._arguments, "confirmations", 1)
        if confirmations > 1 and self.embedded:
            raise UserError(f"--confirmations {confirmations}: an embedded chain makes no blocks by itself: use 1")
        client = connect(
            place,
            create=create,
            contract=contract_of(self._arguments),
            confirmations=confirmations,
            max_fee=getattr(self._arguments, "max_fee", None),
        )
        self.report |= {"chain": self.place, "chain_id": client.chain_id, "contract": client.address}
        return client

    @cached_property
    def names(self) -> dict[str, str]:
        """Addresses of the known accounts by their names: those of the embedded chain first."""
        demo = self.client.demo_accounts if self.embedded and self.has_chain else {}
        return accounts.addresses() | {name: account.address for name, account in demo.items()}

    @cached_property
    def account(self) -> str:
        """Address of the account that acts; no password is needed."""
        address = self._private_account.address if self._private_account else self.address(self._account_name)
        self.report["account"] = address
        return str(address)

    @cached_property
    def signer(self) -> LocalAccount:
        """Account that acts, which can sign; asks for the password of a stored account."""
        if self._private_account:
            return self._private_account
        name = self._account_name
        if self.embedded and name in self.client.demo_accounts:
            return self.client.demo_accounts[name]
        if name.startswith("0x"):
            raise UserError(f"--account {name}: signing needs the key: give the name of a stored account")
        if name not in self.names:
            self.address(name)  # raises the error
        return accounts.open_account(name, accounts.read_password(name))

    def address(self, text: str, option: str = "--account") -> str:
        """Return the address of an account, given as an address or by its name.

        Raises:
            UserError: if it is neither.
        """
        if text.startswith("0x"):
            return accounts.checksum_address(text)
        if text not in self.names:
            known = ", ".join(self.names) or "none"
            raise UserError(f"{option} {text}: no such account (known: {known}): gan-chain account new {text}")
        return self.names[text]

    def describe(self, address: str) -> str:
        """Return an address with its name, if it has one; for address 0 the holder of the title."""
        if address == NOBODY:
            return HOLDER
        name = next((name for name, known in self.names.items() if known == address), None)
        return f"{address} ({name})" if name else address

    @cached_property
    def contents(self) -> Contents:
        """Hashes the content of files; imports torch, which takes seconds."""
        from gan_lightning.provenance.contents import Contents

        return Contents(getattr(self._arguments, "trust_code", []))

    def artifact(self, path: Path) -> Artifact:
        """Return the artifact of a file or a folder."""
        from gan_lightning.chain.artifacts import artifact_of

        return artifact_of(path, self.contents)

    def send(
        self,
        does: str,
        report: Callable[[Receipt], Outcome],
        function: str,
        *arguments: Any,
        value: int = 0,
        prepare: Callable[[], object] = lambda: None,
    ) -> Outcome:
        """Call a function of the contract in a transaction; tell before what it does and costs.

        Args:
            does: what the transaction does, in words.
            report: returns the outcome for the receipt.
            function: name of the function of the contract.
            *arguments: its arguments, as for :meth:`gan_lightning.chain.client.Client.transact`.
            value: ether to send along, in wei.
            prepare: called before a new transaction is sent; if it raises, nothing is sent.
        """
        self.report |= {"account": self.account, "does": does}
        if self.dry_run:
            self._announce(does, self.client.cost(self.account, function, *arguments, value=value))
            return NOTHING_SENT

        def announce(cost: Cost) -> None:
            self._announce(does, cost)
            prepare()

        outcomes: list[Outcome] = []
        self.client.transact(
            self.signer,
            function,
            *arguments,
            value=value,
            announce=announce,
            report=lambda receipt: outcomes.append(self._finish(receipt, report)),
        )
        return outcomes[0]

    def deploy(self, does: str, report: Callable[[Receipt], Outcome]) -> Outcome:
        """Create the contract, as :meth:`send` calls a function."""
        self.report |= {"account": self.account, "does": does}
        if self.dry_run:
            self._announce(does, self.client.cost_of_deployment(self.account))
            return NOTHING_SENT
        outcomes: list[Outcome] = []
        self.client.deploy(
            self.signer,
            announce=lambda cost: self._announce(does, cost),
            report=lambda receipt: outcomes.append(self._finish(receipt, report)),
        )
        return outcomes[0]

    def resume(self, did_this: Callable[[Receipt], bool], report: Callable[[Receipt], Outcome]) -> Outcome | None:
        """Finish the transaction that an interrupted command left; return its outcome, or None if it did another thing.

        Actions whose call depends on the state of the chain need this: they cannot make the same call again.
        """
        outcomes: list[Outcome] = []

        def tell(receipt: Receipt) -> None:
            if did_this(receipt):
                outcomes.append(self._finish(receipt, report))
            else:
                note = f"note: {receipt.transaction} of an earlier command is in block {receipt.block:,}"
                print(note, file=sys.stderr)

        if not self.dry_run:
            self.client.resume(self.account, tell)
        return outcomes[0] if outcomes else None

    def tell(self, outcome: Outcome) -> None:
        """Print the outcome of the action, once."""
        if self._told:
            return
        if self._arguments.json:
            values = {"action": self._arguments.run.name, "dry_run": self.dry_run} | self.report
            print(json.dumps(values | {"result": outcome.result}, indent=2), flush=True)
        for line in outcome.lines:
            self.say(line)
        self._told = True

    def _finish(self, receipt: Receipt, report: Callable[[Receipt], Outcome]) -> Outcome:
        """Tell the outcome of a transaction, with its block and its fee, and return it."""
        if "cost" not in self.report:
            self.say(f"{receipt.transaction} of an interrupted command did this already: nothing else is sent")
        self.report["transaction"] = {
            "hash": receipt.transaction,
            "block": receipt.block,
            "time": receipt.time,
            "gas": receipt.gas,
            "fee": str(receipt.fee),
        }
        outcome = report(receipt)
        first, *more = outcome.lines
        paid = f"{receipt.gas:,} gas, fee {format_rounded(receipt.fee)}, block {receipt.block:,}"
        outcome = Outcome([f"{first} ({paid})", *more], outcome.result, outcome.holds)
        self.tell(outcome)  # before the journal forgets the transaction
        return outcome

    def say(self, line: str) -> None:
        """Print a line, unless the output is JSON."""
        if not self._arguments.json:
            print(printable(line), flush=True)

    @cached_property
    def _private_account(self) -> LocalAccount | None:
        """Account of the key in the environment, which counts only where no account is named."""
        return None if self._named_account else read_private_key()

    @property
    def _named_account(self) -> str | None:
        default = getattr(self._arguments, "default_account", None) if self.embedded else None
        return getattr(self._arguments, "account", None) or os.environ.get(ACCOUNT) or default

    @property
    def _account_name(self) -> str:
        if self._named_account is None:
            known = ", ".join(self.names) or "none"
            raise UserError(f"--account: name the account that acts (known: {known}), or set {ACCOUNT}")
        return self._named_account

    def _announce(self, does: str, cost: Cost) -> None:
        self.report["cost"] = {"gas": cost.gas, "fee": str(cost.fee), "value": str(cost.value)}
        pays = f", pays {format_wei(cost.value)}" if cost.value else ""
        self.say(f"{does}: up to {cost.gas:,} gas, fee at most {format_rounded(cost.fee)}{pays}")


NOTHING_SENT = Outcome(["dry run: nothing was sent"])
