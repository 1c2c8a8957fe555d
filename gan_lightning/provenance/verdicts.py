"""Verdicts on the origin of files."""

from dataclasses import dataclass
from enum import StrEnum

from gan_lightning.provenance.records import Record


class Verdict(StrEnum):
    """Verdict on the origin of a file: the strongest that holds, but ``TAMPERED`` overrides all others."""

    TRUSTED = "trusted"
    TAMPERED = "tampered"
    UNKNOWN_SIGNER = "valid but unknown signer"
    IN_LEDGER = "stripped, but in the ledger"
    REGENERATES = "regenerates from checkpoint + seed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """Verdict on one file, with its reason.

    Args:
        file: path of the file.
        verdict: the verdict.
        reason: explanation of the verdict in words.
        record: record of the sample, if the file or its statement holds one.
    """

    file: str
    verdict: Verdict
    reason: str
    record: Record | None = None
