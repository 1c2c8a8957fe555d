"""Verdicts on the origin of files."""

from dataclasses import dataclass
from enum import StrEnum

from gan_lightning.provenance.derivations import Derivation
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
class Ingredient:
    """Image that a file was made from, as the signer of the file says.

    Args:
        name: name of its file.
        role: relationship to the file in the terms of C2PA, such as ``parentOf``.
        digest: SHA-256 of its file, hexadecimal; None if the signer does not say.
        credentials: in words, whether the credentials of the image itself hold; None if that is not known.
    """

    name: str
    role: str
    digest: str | None
    credentials: str | None = None

    def __str__(self) -> str:
        """Return name, role, digest and credentials in one line."""
        digest = f"SHA-256 {self.digest}" if self.digest else "no digest"
        return f"{self.name} ({', '.join(filter(None, (self.role, digest, self.credentials)))})"


def ingredients_of(derivation: Derivation) -> tuple[Ingredient, ...]:
    """Return the sources of an image as ingredients; nothing is known about their credentials."""
    return tuple(Ingredient(one.name, one.role, one.digest) for one in derivation.sources)


@dataclass(frozen=True)
class Finding:
    """Verdict on one file, with its reason.

    Args:
        file: path of the file.
        verdict: the verdict.
        reason: explanation of the verdict in words.
        record: record of the sample, if the file or its statement holds one.
        registration: registration of the content, if a registry was asked and has one.
        derivation: derivation of an image that was made from others, if the file or its statement holds one.
        ingredients: the images that the file was made from, as its signer says.
    """

    file: str
    verdict: Verdict
    reason: str
    record: Record | None = None
    registration: Registration | None = None
    derivation: Derivation | None = None
    ingredients: tuple[Ingredient, ...] = ()
