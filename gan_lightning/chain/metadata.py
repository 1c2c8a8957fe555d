"""Metadata of works as wallets and marketplaces read it, and its address in IPFS, computed offline."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gan_lightning.errors import UserError
from gan_lightning.files import file_digest
from gan_lightning.provenance.records import canonical_json

METADATA_SUFFIX = ".metadata.json"  # of the metadata beside a file
IMAGES = "Images"  # kind of the artifacts that marketplaces can show
MAX_BYTES = 256 * 1024  # IPFS splits larger files, whose address then differs from that of one raw block
_CID_PREFIX = bytes([0x01, 0x55, 0x12, 0x20])  # CID version 1, raw bytes, SHA-256, 32 bytes
_SCHEME = re.compile(r"(ipfs|https|http|ar|data):\S+", re.ASCII)


@dataclass(frozen=True)
class Metadata:
    """Description of a work in the JSON that marketplaces read (https://docs.opensea.io/docs/metadata-standards).

    Args:
        name: title of the work.
        description: text about the work.
        image: address of an image, such as ``ipfs://…``.
        animation_url: address of a video, sound or page; None if there is none.
        attributes: properties, such as ``{"checkpoint": "…", "seed": "7"}``.
        c2pa: digest of the signed file or address of its credentials; None if there are none.
    """

    name: str
    description: str = ""
    image: str | None = None
    animation_url: str | None = None
    attributes: Mapping[str, str | int | float] = field(default_factory=dict)
    c2pa: str | None = None

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise UserError("--name: must not be empty: give the title of the work")
        for option, address in {"--image": self.image, "--media": self.animation_url}.items():
            if address is not None and not _SCHEME.fullmatch(address):
                raise UserError(f"{option} {address!r}: must be an address such as ipfs://… or https://…")

    def as_bytes(self) -> bytes:
        """Return the canonical JSON, UTF-8.

        Raises:
            UserError: if it is larger than one block of IPFS.
        """
        optional = {"image": self.image, "animation_url": self.animation_url, "c2pa": self.c2pa}
        content: dict[str, Any] = {key: value for key, value in optional.items() if value is not None}
        content |= {"name": self.name, "description": self.description}
        content["attributes"] = [
            # Marketplaces and browsers read numbers as doubles, which round integers from 2^53 on.
            {"trait_type": key, "value": str(value) if isinstance(value, int) and abs(value) >= 2**53 else value}
            for key, value in sorted(self.attributes.items())
        ]
        encoded = canonical_json(content).encode()
        if len(encoded) > MAX_BYTES:
            raise UserError(f"the metadata has {len(encoded):,} bytes: at most {MAX_BYTES:,}: shorten the description")
        return encoded

    @property
    def digest(self) -> bytes:
        """SHA-256 of the canonical JSON, as the contract stores it."""
        return hashlib.sha256(self.as_bytes()).digest()


def ipfs_address(digest: bytes) -> str:
    """Return the address in IPFS, in base 16, of a file of at most 256 KiB by its SHA-256, as ``tokenURI`` does."""
    return f"ipfs://f{(_CID_PREFIX + digest).hex()}"


def ipfs_address_base32(digest: bytes) -> str:
    """Return the same address in base 32, as IPFS tools print it: ``ipfs://bafkrei…``."""
    return f"ipfs://b{base64.b32encode(_CID_PREFIX + digest).decode().lower().rstrip('=')}"


def is_one_block(path: Path) -> bool:
    """Return True if a file is small enough for IPFS to store it as one block."""
    return path.is_file() and path.stat().st_size <= MAX_BYTES


def block_address(path: Path) -> str:
    """Return the address in IPFS of a file of one block."""
    return ipfs_address_base32(bytes.fromhex(file_digest(path)))


def image_address(path: Path, kind: str) -> str | None:
    """Return the address in IPFS of a file that shows itself: an image of one block; None for others.

    Args:
        path: the file.
        kind: kind of its artifact.
    """
    return block_address(path) if kind == IMAGES and is_one_block(path) else None
