"""Records of samples: the recipe to generate a sample again, and the digest of its content."""

import hashlib
import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from gan_lightning import __version__

# Largest number of samples of one seed. Verification generates them all, and a foreign record may name any number.
MAX_N = 2**17


@dataclass(frozen=True)
class Record:
    """Recipe and content digest of the sample in a file. All digests are SHA-256, hexadecimal.

    Args:
        checkpoint: digest of the checkpoint file.
        config: digest of the config in the checkpoint, as canonical JSON.
        weights: ``ema`` for the averaged generator, ``raw`` for the trained one.
        seed: seed of the latents, which are the rows of ``prior(n)`` with torch's CPU generator.
        n: number of latents drawn together.
        index: row of the latent of this sample; None if the file holds all samples.
        condition: requested condition, such as ``7``, or ``sha256:`` and the digest of a file by the modality of the
            condition; None if it was drawn with the same seed, and for an unconditional model.
        modality: class name of the modality of the file.
        content: digest by :meth:`gan_lightning.modalities.modality.Modality.digest`.
        version: version of this package.
        truncation: truncation of the styles; 1 for none, and for generators without styles.
        rendered_from: class name of the modality of the sample that the file renders, such as ``Music`` for its sound;
            None for the sample itself.
    """

    checkpoint: str
    config: str
    weights: Literal["ema", "raw", "pretrained"]  # as algorithms.model.Weights, whose module takes seconds to import
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    n: Annotated[int, Field(gt=0)]
    index: Annotated[int, Field(ge=0)] | None
    condition: str | None
    modality: str
    content: str
    version: str = __version__
    # Records of earlier versions do not have these.
    truncation: Annotated[float, Field(ge=0, le=1)] = 1.0
    rendered_from: str | None = None


_RECORD = TypeAdapter(Record)


def parse_record(record: str | bytes) -> Record | None:
    """Return the record in a JSON text; None if fields are missing, unknown, or out of range."""
    try:
        return _RECORD.validate_json(record, strict=True)
    except ValueError:
        return None


def canonical_json(value: Any) -> str:
    """Return JSON that is equal for equal values: keys are sorted, and there are no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def config_digest(config: dict[str, Any]) -> str:
    """Return the SHA-256 of a config as canonical JSON."""
    return hashlib.sha256(canonical_json(config).encode()).hexdigest()
