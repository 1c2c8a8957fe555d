"""Derivations: records of images that were made from other images, such as enlarged photos."""

from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from gan_lightning import __version__
from gan_lightning.provenance.records import Record, parse_record

Role = Literal["parentOf", "inputTo"]
"""Relationship of a source to the image, in the terms of C2PA: the image that was changed, or a further input."""

Setting = str | int | float | bool | None


@dataclass(frozen=True)
class Source:
    """Image file that another image was made from.

    Args:
        name: name of the file, without its folder.
        role: ``parentOf`` for the image that was changed, ``inputTo`` for others, such as an example of a style.
        digest: SHA-256 of the file, hexadecimal.
    """

    name: str
    role: Role
    digest: str


@dataclass(frozen=True)
class Model:
    """Model that made an image from others.

    Args:
        name: name of the checkpoint file, or of a network.
        digest: SHA-256 of the checkpoint file, or of the weights of the network, hexadecimal.
        config: digest of the config in the checkpoint, as in records of samples; None for a network without one.
    """

    name: str
    digest: str
    config: str | None = None


@dataclass(frozen=True)
class Derivation:
    """Sources, model and settings of an image that was made from others, and the digest of its content.

    Args:
        method: what was done, such as ``neural style transfer``.
        model: the model that did it.
        sources: the images it was made from.
        settings: settings by which the model makes the same image again.
        modality: class name of the modality of the file.
        content: digest by :meth:`gan_lightning.modalities.modality.Modality.digest`; None if the file shows more than
            its plain pixels, such as 16 bits a channel.
        version: version of this package.
    """

    method: str
    model: Model
    sources: tuple[Source, ...]
    settings: dict[str, Setting]
    modality: str
    content: str | None
    version: str = __version__


_DERIVATION = TypeAdapter(Derivation)


def parse_derivation(derivation: str | bytes) -> Derivation | None:
    """Return the derivation in a JSON text; None if fields are missing or of another type."""
    try:
        return _DERIVATION.validate_json(derivation, strict=True)
    except ValueError:
        return None


def parse_line(line: bytes) -> Record | Derivation | None:
    """Return the record or the derivation in a line of a ledger; None for other lines, such as claims."""
    return parse_record(line) or parse_derivation(line)
