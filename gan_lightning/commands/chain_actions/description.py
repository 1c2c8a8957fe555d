"""The metadata of a work from the command line, the file and its record, as wallets and marketplaces read them."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gan_lightning.commands.options import Parser
from gan_lightning.errors import UserError, user_error_from
from gan_lightning.files import write_text_file

if TYPE_CHECKING:
    from gan_lightning.chain.artifacts import Artifact
    from gan_lightning.provenance.ledger import Ledger


@dataclass(frozen=True)
class Description:
    """Metadata of a work, in a file beside it.

    Args:
        path: the file, whose name holds the start of its digest.
        content: canonical JSON.
        digest: SHA-256 of the content.
        address: address of the content in IPFS.
    """

    path: Path
    content: bytes
    digest: bytes
    address: str

    def write(self) -> None:
        """Write the file unless it is there already."""
        if self.path.is_file() and self.path.read_bytes() == self.content:
            return
        try:
            write_text_file(self.path, self.content.decode())
        except OSError as error:
            raise user_error_from(error, str(self.path)) from error


def add_description(parser: Parser) -> None:
    """Add the options of the metadata."""
    parser.add_argument("--name", metavar="TEXT", help="title of the work (name of the file)")
    parser.add_argument("--description", metavar="TEXT", default="", help="text about the work")
    where = "file of at most 256 KiB, or address such as ipfs://…"
    parser.add_argument("--image", metavar="IMAGE", help=f"image to show: {where}")
    parser.add_argument("--media", metavar="MEDIA", help=f"video, sound or page to play: {where}")


def describe_file(arguments: argparse.Namespace, artifact: Artifact, ledger: Ledger, index: int) -> Description:
    """Return the metadata of a claimed file.

    Args:
        arguments: the parsed command line.
        artifact: artifact of the file.
        ledger: ledger with the claim.
        index: index of the claim.
    """
    from gan_lightning.chain.claims import recipe_of_claim
    from gan_lightning.chain.metadata import METADATA_SUFFIX, Metadata, image_address, ipfs_address_base32

    path = arguments.file.resolve()  # "." has no name of its own
    given = arguments.image
    image = image_address(path, artifact.kind) if given is None else _address("--image", given)
    metadata = Metadata(
        path.stem if arguments.name is None else arguments.name,
        arguments.description,
        image,
        _address("--media", arguments.media),
        recipe_of_claim(ledger, index) | {"kind": artifact.kind, "artifact": artifact.digest},
    )
    digest = metadata.digest
    beside = arguments.file.parent if arguments.file.name else path.parent
    file = beside / f"{path.name}.{digest.hex()[:8]}{METADATA_SUFFIX}"
    return Description(file, metadata.as_bytes(), digest, ipfs_address_base32(digest))


def _address(option: str, value: str | None) -> str | None:
    """Return the address of a file in IPFS; other values as they are."""
    from gan_lightning.chain.metadata import block_address, is_one_block

    if value is None or "://" in value or not Path(value).is_file():
        return value  # Metadata checks addresses
    if not is_one_block(Path(value)):
        raise UserError(f"{option} {value}: is larger than 256 KiB: upload it, and give its address: ipfs://…")
    return block_address(Path(value))
