"""Accounts of requests: addresses, and the demo accounts of an embedded chain by their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from gan_lightning.chain.accounts import checksum_address
from gan_lightning.chain.works import NOBODY
from gan_lightning.errors import UserError
from gan_lightning.studio.refusals import Refusal

if TYPE_CHECKING:  # needs an extra
    from eth_account.signers.local import LocalAccount


class Accounts:
    """Accounts by their names and addresses.

    Args:
        demo_accounts: accounts of an embedded chain, whose keys the server has; empty for a node.
    """

    def __init__(self, demo_accounts: Mapping[str, LocalAccount]) -> None:
        self._names = {str(account.address): name for name, account in demo_accounts.items()}
        self._addresses = {name: address for address, name in self._names.items()}
        self._signers = {str(account.address): account for account in demo_accounts.values()}

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Iterate over the names and addresses of the demo accounts."""
        return iter(self._addresses.items())

    def address(self, text: str) -> str:
        """Return the address of an account, given as an address or by its name.

        Raises:
            Refusal: if it is neither.
        """
        if text in self._addresses:
            return self._addresses[text]
        try:
            return checksum_address(text)
        except UserError as error:
            raise _unknown(text) from error

    def acting(self, text: str) -> str:
        """Return the address of the account that acts; on an embedded chain it must be a demo account."""
        address = self.address(text)
        if address == NOBODY or (self._signers and address not in self._signers):
            raise _unknown(text)
        return address

    def signer(self, address: str) -> LocalAccount:
        """Return a demo account, which can sign."""
        return self._signers[address]

    def name(self, address: str) -> str | None:
        return self._names.get(address)

    def describe(self, address: str) -> str:
        """Return the name of an account, or its address."""
        return self._names.get(address, address)


def _unknown(text: str) -> Refusal:
    message = f"there is no account {text[:100]!r} here: give an address of 0x and 40 hexadecimal digits"
    return Refusal(400, "unknown_account", message, {"account": text[:100]})
