"""Works, listings and copies in a file, so that a server that starts again need not read them all from the chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ConfigDict, TypeAdapter, with_config

from gan_lightning.chain.views import Copy, Work
from gan_lightning.chain.works import Offer
from gan_lightning.errors import UserError
from gan_lightning.files import write_text_file

if TYPE_CHECKING:  # slow to import, and needs an extra
    from gan_lightning.chain.client import Client

VERSION = 1


@dataclass(frozen=True)
class Listing:
    """Title or copy for sale.

    Args:
        price: price in wei.
        number: number of the listing.
    """

    price: int
    number: int


@dataclass(frozen=True)
class SavedWork:
    """Work with its offers as the contract holds them, which need not be ones that could be made here.

    Args:
        work: the work without its offers.
        offers: fields of the offers.
    """

    work: Work
    offers: Sequence[tuple[int, int, int, int, int, int, bool, bytes]]


@with_config(ConfigDict(ser_json_bytes="hex", val_json_bytes="hex"))  # also of the dataclasses in it
@dataclass(frozen=True)
class SavedBoard:
    """State of a contract at a block, as far as its events do not tell it.

    Args:
        version: version of the format.
        genesis: hash of the first block of the chain.
        contract: address of the contract.
        block: number of the block.
        hash: hash of the block.
        saved_works: all works.
        sold: copies sold of each offer, by the number of the work.
        listings: titles and copies for sale by their tokens.
        copies: copies that were read, by their tokens.
    """

    version: int
    genesis: str
    contract: str
    block: int
    hash: str
    saved_works: Sequence[SavedWork]
    sold: Mapping[int, Sequence[int]]
    listings: Mapping[int, Listing]
    copies: Mapping[int, Copy]

    @property
    def works(self) -> dict[int, Work]:
        """All works by their numbers."""
        return {
            saved.work.number: replace(saved.work, offers=[Offer.of_contract(terms) for terms in saved.offers])
            for saved in self.saved_works
        }

    def write(self, path: Path) -> None:
        """Write the file; without it a later server only starts more slowly."""
        with suppress(OSError):
            write_text_file(path, _ADAPTER.dump_json(self).decode())


def save_work(work: Work) -> SavedWork:
    """Return a work as the file holds it."""
    return SavedWork(replace(work, offers=[]), [offer.as_tuple() for offer in work.offers])


_ADAPTER = TypeAdapter(SavedBoard)


def read_saved(path: Path, client: Client, newest: int) -> SavedBoard | None:
    """Return what a file holds; None if it is about another chain or contract, or about blocks that were replaced.

    Args:
        path: the file.
        client: client of the contract.
        newest: number of the last block whose events are known.
    """
    try:
        saved = _ADAPTER.validate_json(path.read_bytes())
        known = (saved.version, saved.genesis, saved.contract) == (VERSION, client.genesis, client.address)
        same = known and saved.block <= newest and client.block_hash(saved.block) == saved.hash
    except (OSError, ValueError, UserError):
        return None
    return saved if same else None
