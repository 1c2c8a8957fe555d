"""Reads works, copies and listings of the contract into plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gan_lightning.chain.works import NOBODY, Offer, Payee

if TYPE_CHECKING:  # slow to import, and needs an extra
    from gan_lightning.chain.client import Client


@dataclass(frozen=True)
class Work:
    """Registered work.

    Args:
        number: its number, which is also that of its title.
        creator: address of the account that claimed it.
        since: time at which its claim was anchored, seconds since 1970.
        royalty: part of each resale that goes to the payees, in basis points.
        share: part of what works made of this one earn that goes to this one, in basis points.
        final: time until which an older claim can displace it, seconds since 1970.
        void: True if an older claim has displaced it.
        artifact: digest of the artifact, hexadecimal.
        metadata: SHA-256 of its metadata.
        payees: accounts that share its earnings.
        parts: numbers of the works that it is made of.
        offers: offers of copies; a closed one has as many editions as were sold.
    """

    number: int
    creator: str
    since: int
    royalty: int
    share: int
    final: int
    void: bool
    artifact: str
    metadata: bytes
    payees: Sequence[Payee]
    parts: Sequence[int]
    offers: Sequence[Offer]


@dataclass(frozen=True)
class Copy:
    """Copy of a work.

    Args:
        token: its number.
        work: number of the work.
        offer: index of the offer from which it was sold.
        expires: time at which it ends, seconds since 1970; 0 for never, or not fixed yet.
        hands: number of transfers that are left; UNLIMITED for no limit.
        holder: address of its holder; None if it was destroyed.
        valid: True if it may be used now.
    """

    token: int
    work: int
    offer: int
    expires: int
    hands: int
    holder: str | None
    valid: bool


def read_work(client: Client, number: int) -> Work | None:
    """Return a work by its number; None if there is none."""
    creator, since, royalty, share, final, _, void, artifact, metadata, payees, parts, offers = client.read(
        "workInfo", number
    )
    if creator == NOBODY:
        return None
    return Work(
        number,
        creator,
        since,
        royalty,
        share,
        final,
        void,
        bytes(artifact).hex(),
        bytes(metadata),
        [Payee(account, units) for account, units in payees],
        list(parts),
        [Offer.of_contract(terms) for terms in offers],
    )


def read_copy(client: Client, token: int) -> Copy | None:
    """Return a copy by its number; None if there is none."""
    work, offer, expires, hands = client.read("copies", token)
    if work == 0:
        return None
    return Copy(token, work, offer, expires, hands, read_holder(client, token), client.read("isValid", token))


def read_holder(client: Client, token: int) -> str | None:
    """Return the address of the holder of a title or a copy; None if it does not exist."""
    from gan_lightning.chain.contract import Refused

    try:
        return str(client.read("ownerOf", token))
    except Refused:
        return None


def may_use(client: Client, work: int, account: str) -> bool:
    """Return True if an account may register works that have this one as a part."""
    if read_holder(client, work) == account:
        return True
    return any(client.read("mayBuildOn", work, one) for one in (NOBODY, account))
