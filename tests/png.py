"""Reads and writes PNG files by their chunks, as the standard defines them, without Pillow."""

import struct
import zlib
from collections.abc import Iterable

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    """Return the name and the data of each chunk."""
    at, found = len(SIGNATURE), []
    while at < len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        found.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += length + 12
    return found


def join_chunks(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the PNG of chunks, each a name and its data, with correct checksums."""
    return SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
