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
    REGISTERED = "registered on chain"
    REGENERATES = "regenerates from checkpoint + seed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Registration:
    """Registration of the content of a file in a public registry.

    Args:
        work: number of the work.
        creator: account that claimed the content.
        since: time from which the claim is on record, seconds since 1970.
        description: the registration in words.
        distrust: the reason why the account is not trusted; None if it is.
    """

    work: int
    creator: str
    since: int
    description: str
    distrust: str | None


@dataclass(frozen=True)
class Finding:
    """Verdict on one file, with its reason.

    Args:
        file: path of the file.
        verdict: the verdict.
        reason: explanation of the verdict in words.
        record: record of the sample, if the file or its statement holds one.
        registration: registration of the content, if a registry was asked and has one.
    """

    file: str
    verdict: Verdict
    reason: str
    record: Record | None = None
    registration: Registration | None = None
