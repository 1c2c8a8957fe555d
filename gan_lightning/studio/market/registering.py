"""Registration of an item as a work: claim, anchor, register. Each step looks first at what was done already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gan_lightning.chain.anchors import earliest_anchored_root
from gan_lightning.chain.claims import evidence
from gan_lightning.chain.contract import REFUSALS
from gan_lightning.chain.views import Work, read_work
from gan_lightning.chain.works import Draft
from gan_lightning.studio.market.calls import Call, Task
from gan_lightning.studio.market.chain_errors import refused
from gan_lightning.studio.market.claiming import claim_artifact, has_claim
from gan_lightning.studio.market.drafts import Decisions, describe_work
from gan_lightning.studio.market.open_market import OpenMarket
from gan_lightning.studio.refusals import Refusal


class Registration(Task):
    """Registration of an item of the gallery.

    Args:
        decisions: what to register.
        market: the market.
    """

    action = "register"
    steps = ("claim", "anchor", "register")

    def __init__(self, decisions: Decisions, market: OpenMarket) -> None:
        self.account = decisions.account
        self._decisions, self._market = decisions, market
        self._work: int | None = None

    def next_call(self) -> Call | None:
        decisions, client = self._decisions, self._market.client
        work = read_work(client, client.read("workOf", bytes.fromhex(decisions.artifact)))
        if work and not has_claim(self._market, self.account, decisions.artifact):
            raise _taken(work, self.account)
        ledger, index = claim_artifact(self._market, self.account, decisions.artifact)
        content = describe_work(decisions, ledger, index)
        draft = replace(decisions.draft, metadata=self._market.metadata.add(content))
        if work and work.creator == self.account:
            if not _is_same(work, draft):
                raise _taken(work, self.account)
            self._work = work.number
            return None
        root = earliest_anchored_root(client, ledger, index)
        if root is None:
            return anchor(bytes.fromhex(ledger.roots[-1].claim.root), ledger.roots[-1].claim.size)
        words = f"register {decisions.title!r} for {self._market.accounts.describe(self.account)}"
        return Call("register", words, "register", (evidence(ledger, index, root), draft, b""))

    def done_already(self) -> Mapping[str, Any]:
        return {"work": self._work}


def anchor(root: bytes, size: int) -> Call:
    """Return the call that anchors a root of that many lines."""
    return Call("anchor", f"put the root of the ledger ({size:,} lines) on the chain", "anchor", (root, size))


def _is_same(work: Work, draft: Draft) -> bool:
    """Return True if a work has the decisions of a draft; its offers may have changed since."""
    found = work.metadata, work.royalty, work.share, list(work.payees), list(work.parts)
    return found == (draft.metadata, draft.royalty, draft.share, list(draft.payees), list(draft.parts))


def _taken(work: Work, account: str) -> Refusal:
    if work.creator == account:
        message = f"it is registered already, as work {work.number} with other terms or another title"
        return refused("other_terms_registered", message, work=work.number)
    message = f"the contract refuses: {REFUSALS['Taken'].format(work=work.number)}"
    return refused("refused_Taken", message, work=work.number)
