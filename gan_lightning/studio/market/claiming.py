"""Claims of items in the ledger of the studio, which its identity signs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gan_lightning.chain.claims import find_claims, new_claim
from gan_lightning.errors import UserError
from gan_lightning.provenance.derivations import parse_line
from gan_lightning.provenance.ledger import append, find_ledger, read_ledger
from gan_lightning.studio.market.chain_errors import refused
from gan_lightning.studio.market.drafts import FILE
from gan_lightning.studio.market.open_market import OpenMarket

if TYPE_CHECKING:
    from gan_lightning.provenance.identity import Identity
    from gan_lightning.provenance.ledger import Ledger


def claim_artifact(market: OpenMarket, account: str, artifact: str) -> tuple[Ledger, int]:
    """Return the ledger and the index of an account's claim to an artifact; add the claim if it is not there.

    Raises:
        Refusal: if there is no identity that could sign the claim.
        UserError: if the ledger cannot be read or written, or was changed.
    """
    identity = _load_identity()
    with market.claiming:
        ledger = find_ledger(market.ledger, identity.root)
        found = find_claims(ledger, artifact, account.lower()) if ledger else []
        if ledger and found:
            return ledger, found[0]
        append(market.ledger, identity, [new_claim(ledger, account, artifact, _kind_of(ledger, artifact)).line])
        ledger = read_ledger(market.ledger, identity.root)
    return ledger, find_claims(ledger, artifact, account.lower())[0]


def has_claim(market: OpenMarket, account: str, artifact: str) -> bool:
    """Return True if the ledger holds a claim of an account to an artifact."""
    ledger = find_ledger(market.ledger, _load_identity().root)
    return bool(ledger and find_claims(ledger, artifact, account.lower()))


def _load_identity() -> Identity:
    from gan_lightning.provenance.identity import load

    try:
        return load()
    except UserError as error:
        raise refused("no_identity", f"claims need an identity that signs them: {error}") from error


def _kind_of(ledger: Ledger | None, artifact: str) -> str:
    """Return the modality in the record of an artifact, and ``file`` if there is no record."""
    found = ledger.find(artifact) if ledger else None
    record = parse_line(ledger.lines[found[0]]) if ledger and found else None
    return record.modality if record else FILE
