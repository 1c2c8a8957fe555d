"""What is signed of a sample: how to make it again, and the digest of what it shows."""

import hashlib
import json
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from gan_lightning import __version__
from gan_lightning.algorithms.model import Weights

MAX_N = 2**17  # samples drawn together, which is what verification draws again: a record from elsewhere may ask for any


@dataclass(frozen=True)
class Record:
    """How to make the sample in a file again, and what it is. All digests are SHA-256, hexadecimal.

    Args:
        checkpoint: digest of the file.
        config: digest of the config in it, as canonical JSON.
        weights: of the averaged generator (``ema``) or the trained one (``raw``).
        seed: of the latents: rows of ``prior(n)`` with torch's CPU generator.
        n: how many latents were drawn together.
        index: which of them this is; None if all are in the file.
        condition: what was asked for, as ``7``; of a file ``sha256:`` and its digest by the condition's modality; None
            if it was drawn with the same seed, and for an unconditional model.
        modality: name of its class.
        content: digest by :meth:`gan_lightning.modalities.modality.Modality.digest`.
        version: of the project.
    """

    checkpoint: str
    config: str
    weights: Weights
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    n: Annotated[int, Field(gt=0)]
    index: Annotated[int, Field(ge=0)] | None
    condition: str | None
    modality: str
    content: str
    version: str = __version__


_RECORD = TypeAdapter(Record)


def parse_record(record: str | bytes) -> Record | None:
    """Return a record from its JSON; None if it is no record: something missing, unknown, or out of range."""
    try:
        return _RECORD.validate_json(record, strict=True)
    except ValueError:
        return None


def canonical_json(value: Any) -> str:
    """Return the same JSON for equal values: keys sorted, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def config_digest(config: dict[str, Any]) -> str:
    """Return the SHA-256 of a config as canonical JSON."""
    return hashlib.sha256(canonical_json(config).encode()).hexdigest()
