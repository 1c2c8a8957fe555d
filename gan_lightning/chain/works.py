"""Drafts and offers as the contract takes them, checked before they cost anything."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from gan_lightning.chain.units import WHOLE
from gan_lightning.errors import UserError

NOBODY = "0x" + "00" * 20  # as a payee: whoever holds the title; in allow: everybody
NO_DIGEST = bytes(32)
UNLIMITED = 2**16 - 1  # hands without a limit
EVERY_EDITION = 2**32 - 1  # editions without a limit
MAX_PAYEES = 64  # of a work with all its parts; the contract checks those of the parts
NO_DEADLINE = 2**63


@dataclass(frozen=True)
class Payee:
    """Account that receives a part of what a work earns.

    Args:
        account: its address; NOBODY for whoever holds the title at the time.
        units: its part, relative to the units of the other payees.
    """

    account: str = NOBODY
    units: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.units < 2**96:
            raise UserError(f"--payee {self.account}:{self.units}: the units must be at least 1: leave the payee out")


@dataclass(frozen=True)
class Offer:
    """Terms under which copies of a work are sold. They never change; an offer can only be closed.

    Args:
        price: price of a copy in wei; 0 for a gift.
        start: time from which copies are valid, seconds since 1970; 0 for at once.
        until: time at which the sale and all copies end, seconds since 1970; 0 for never.
        term: seconds that a copy is valid, from its sale or, with limited hands, from its last transfer; 0 for no end.
        editions: number of copies that can be sold.
        hands: number of transfers of a copy; UNLIMITED for no limit, 0 for a licence that stays with its buyer.
        revocable: whether the holder of the title may revoke copies.
        licence: SHA-256 of the text of the licence.
    """

    price: int = 0
    start: int = 0
    until: int = 0
    term: int = 0
    editions: int = 1
    hands: int = UNLIMITED
    revocable: bool = False
    licence: bytes = NO_DIGEST

    def __post_init__(self) -> None:
        if not 0 < self.editions < 2**32:
            raise UserError(f"--editions {self.editions}: must be 1 to {2**32 - 1:,}")
        if not 0 <= self.hands <= UNLIMITED:
            raise UserError(f"--hands {self.hands}: must be 0 to {UNLIMITED - 1:,}: leave it out for no limit")
        if not 0 <= self.price < 2**96:
            raise UserError(f"--price {self.price} wei: must be 0 to {2**96 - 1} wei")
        if not 0 <= self.term < 2**32:
            raise UserError(f"--term {self.term} s: must be 0 to {2**32 - 1:,} seconds")
        if self.until and self.start >= self.until:
            raise UserError("--until: the copies would end before they start: give a later time, or an earlier --from")
        _check_digest(self.licence, "licence")

    @classmethod
    def of_contract(cls, terms: Sequence[Any]) -> "Offer":
        """Return an offer that the contract holds, from the fields of its struct.

        It may be none that could be made here: a closed one without a sale has no editions, and the contract does not
        compare start and end.
        """
        offer = object.__new__(cls)
        for field, value in zip(fields(cls), terms, strict=True):
            object.__setattr__(offer, field.name, value)
        return offer

    def as_tuple(self) -> tuple[Any, ...]:
        """Return the fields in the order of the contract's struct."""
        return (
            self.price,
            self.start,
            self.until,
            self.term,
            self.editions,
            self.hands,
            self.revocable,
            self.licence,
        )


@dataclass(frozen=True)
class Draft:
    """Decisions of a creator about a work, which nobody can change once it is registered.

    Args:
        metadata: SHA-256 of the JSON that wallets and marketplaces read.
        royalty: part of each resale that goes to the payees, in basis points.
        share: part of what each work made of this one earns that goes to this one, in basis points.
        payees: accounts that share the earnings; the first one receives what rounding leaves.
        parts: numbers of the works that this one is made of.
        offers: first offers of copies.
        deadline: time until which others may register the draft with the creator's signature, seconds since 1970.
    """

    metadata: bytes = NO_DIGEST
    royalty: int = 0
    share: int = 0
    payees: Sequence[Payee] = (Payee(),)
    parts: Sequence[int] = ()
    offers: Sequence[Offer] = ()
    deadline: int = NO_DEADLINE

    def __post_init__(self) -> None:
        for option, points in {"--royalty": self.royalty, "--share": self.share}.items():
            if not 0 <= points <= WHOLE:
                raise UserError(f"{option} {points / 100:g}%: must be 0% to 100%")
        if not 0 < len(self.payees) <= MAX_PAYEES:
            raise UserError(f"--payee: {len(self.payees)} payees: give 1 to {MAX_PAYEES}")
        if len(set(self.parts)) < len(self.parts):
            raise UserError(f"--part {' '.join(map(str, self.parts))}: a work is named twice: name each part once")
        _check_digest(self.metadata, "metadata")

    def as_tuple(self) -> tuple[Any, ...]:
        """Return the fields in the order of the contract's struct."""
        return (
            self.metadata,
            self.royalty,
            self.share,
            [(payee.account, payee.units) for payee in self.payees],
            list(self.parts),
            [offer.as_tuple() for offer in self.offers],
            self.deadline,
        )


def _check_digest(digest: bytes, name: str) -> None:
    if len(digest) != 32:
        raise ValueError(f"{name}: {len(digest)} bytes: must be a SHA-256 digest of 32 bytes")
