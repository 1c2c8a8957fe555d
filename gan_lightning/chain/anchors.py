"""Roots of a ledger on a chain: the times at which they were anchored, and proofs that lead to them.

A root that was anchored at a time existed by then, and so did all lines that it covers: a bound on "when" that does not
rest on the clock of the signer.
"""

from dataclasses import dataclass
from datetime import datetime

from gan_lightning.chain.claims import Evidence, evidence
from gan_lightning.chain.client import Client
from gan_lightning.chain.units import format_time
from gan_lightning.errors import UserError
from gan_lightning.provenance.ledger import Ledger, LedgerChanged, Root, SignedRoot

# Seconds by which the clocks of a signer and of whoever produces the block may differ: about one block of Ethereum.
TOLERANCE = 15


@dataclass(frozen=True)
class AnchoredRoot:
    """Root of a ledger and the time at which it was anchored.

    Args:
        root: the root, signed.
        anchored: time of the block in which it was anchored first, seconds since 1970; 0 if it is not anchored.
        existed: time by which its lines existed: that of the earliest anchored root that covers them; 0 if none does.
    """

    root: SignedRoot
    anchored: int
    existed: int

    @property
    def is_contradiction(self) -> bool:
        """True if the signer says that the root was signed after it was anchored."""
        return bool(self.anchored) and _signed_time(self.root) > self.anchored + TOLERANCE

    def __str__(self) -> str:
        claim = self.root.claim
        start = f"root of {claim.size:,} records, signed {claim.when} by the clock of {self.root.signature.signer}"
        if self.is_contradiction:
            return f"{start}: a contradiction: it was anchored before that, at {format_time(self.anchored)}"
        if not self.existed:
            return f"{start}: not anchored: gan-chain anchor"
        which = "it" if self.existed == self.anchored else "a later root that covers them"
        remark = "" if self.anchored else "not anchored itself; "
        return f"{start}: {remark}its records existed by {format_time(self.existed)}, when {which} was anchored"


def read_anchors(client: Client, ledger: Ledger) -> list[AnchoredRoot]:
    """Return the roots of a ledger with the times at which they were anchored, in their order."""
    found: list[AnchoredRoot] = []
    existed = 0
    for root in reversed(ledger.roots):
        anchored = client.read("anchoredAt", bytes.fromhex(root.claim.root))
        existed = min(filter(None, (anchored, existed)), default=0)
        found.insert(0, AnchoredRoot(root, anchored, existed))
    return found


def earliest_anchored_root(client: Client, ledger: Ledger, index: int) -> Root | None:
    """Return the root that was anchored first of those that cover a line of a ledger; None if none is anchored."""
    times = {}
    for root in (one.claim for one in ledger.roots if one.claim.size > index):
        if when := client.read("anchoredAt", bytes.fromhex(root.root)):
            times[root] = when
    return min(times, key=lambda root: times[root], default=None)


def anchored_evidence(client: Client, ledger: Ledger, index: int) -> Evidence:
    """Return the proof of a claim that leads to the earliest anchored root that covers it.

    Raises:
        UserError: if no root that covers it is anchored.
    """
    root = earliest_anchored_root(client, ledger, index)
    if root is None:
        raise UserError(f"line {index + 1:,} of the ledger is in no anchored root: gan-chain anchor the ledger first")
    return evidence(ledger, index, root)


def _signed_time(root: SignedRoot) -> float:
    try:
        return datetime.fromisoformat(root.claim.when).timestamp()
    except ValueError as error:
        raise LedgerChanged(f"root of {root.claim.size:,} records: {root.claim.when!r} is not a time") from error
