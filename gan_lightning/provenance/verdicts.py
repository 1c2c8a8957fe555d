"""What can be said of where a file comes from."""

from dataclasses import dataclass
from enum import StrEnum

from gan_lightning.provenance.records import Record


class Verdict(StrEnum):
    """The strongest that holds; ``TAMPERED`` before everything."""

    TRUSTED = "trusted"
    TAMPERED = "tampered"
    UNKNOWN_SIGNER = "valid but unknown signer"
    IN_LEDGER = "stripped, but in the ledger"
    REGENERATES = "regenerates from checkpoint + seed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """What is known of a file.

    Args:
        file: its path.
        verdict: in one word or a few.
        reason: for it.
        record: how the sample was made, where it says so.
    """

    file: str
    verdict: Verdict
    reason: str
    record: Record | None = None
