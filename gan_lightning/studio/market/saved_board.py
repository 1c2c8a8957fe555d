"""Works, listings and copies in a file, so that a server that starts again need not read them all from the chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ConfigDict, TypeAdapter, with_config

from gan_lightning.chain.views import Copy, Work
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


@with_config(ConfigDict(ser_json_bytes="hex", val_json_bytes="hex"))  # also of the dataclasses in it
@dataclass(frozen=True)
class SavedBoard:
    """What was read from a contract at a block, and is not told by its events.

    Args:
        version: version of the format.
        genesis: hash of the first block of the chain.
        contract: address of the contract.
        block: number of the block.
        hash: hash of the block.
        works: all works.
        sold: copies sold of each offer, by the number of the work.
        listings: titles and copies for sale by their tokens.
        copies: copies that were read, by their tokens.
    """

    version: int
    genesis: str
    contract: str
    block: int
    hash: str
    works: Sequence[Work]
    sold: Mapping[int, Sequence[int]]
    listings: Mapping[int, Listing]
    copies: Mapping[int, Copy]

    def write(self, path: Path) -> None:
        """Write the file; without it a later server only starts more slowly."""
        with suppress(OSError):
            write_text_file(path, _ADAPTER.dump_json(self).decode())


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
