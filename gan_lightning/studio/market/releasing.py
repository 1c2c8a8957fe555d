"""Lazy registration: a creator signs a draft, and whoever buys the first copy registers the work and pays the fees."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import replace
from typing import Any

from gan_lightning.chain.anchors import earliest_anchored_root
from gan_lightning.chain.claims import evidence
from gan_lightning.chain.contract import release_message
from gan_lightning.chain.releases import RELEASE, Release, parse_release
from gan_lightning.chain.views import read_work
from gan_lightning.chain.works import NO_DEADLINE
from gan_lightning.studio.market.calls import Call, Task
from gan_lightning.studio.market.chain_errors import refused
from gan_lightning.studio.market.claiming import claim_artifact
from gan_lightning.studio.market.drafts import Decisions, describe_work
from gan_lightning.studio.market.open_market import OpenMarket
from gan_lightning.studio.market.registering import anchor
from gan_lightning.studio.market.release_store import About
from gan_lightning.studio.refusals import Refusal


class ReleaseCollection(Task):
    """Purchase of a copy by a signed release: anchors its root, and registers the work, unless somebody has.

    Args:
        account: address of the buyer.
        release: the signed release.
        market: the market.
    """

    action = "collect"
    steps = ("anchor", "collect")

    def __init__(self, account: str, release: Release, market: OpenMarket) -> None:
        client = market.client
        if (release.chain_id, release.contract) != (client.chain_id, client.address):
            message = f"the release is for the contract {release.contract} on chain {release.chain_id}"
            values = {"contract": release.contract, "chain_id": release.chain_id}
            raise Refusal(400, "other_contract", message, values)
        if not release.draft.offers:
            raise not_a_release("it has no offer")
        self.account, self._release, self._market = account, release, market

    def next_call(self) -> Call:
        client, release = self._market.client, self._release
        offer, claim = release.draft.offers[0], release.evidence.claim
        words = f"collect a copy for {self._market.accounts.describe(self.account)}"
        work = read_work(client, client.read("workOf", bytes.fromhex(claim.artifact)))
        if work and work.creator.lower() == claim.account:
            if offer not in work.offers:
                message = f"it is registered already, and work {work.number} has no such offer (any more)"
                raise refused("refused_NotForSale", message, work=work.number)
            return Call("collect", words, "collect", (work.number, work.offers.index(offer), self.account), offer.price)
        if not client.read("anchoredAt", release.evidence.root):
            return anchor(release.evidence.root, release.evidence.size)
        arguments = release.evidence, release.draft, release.signature, self.account
        return Call("collect", f"register the work and {words}", "registerAndCollect", arguments, offer.price)


def prepare_release(decisions: Decisions, market: OpenMarket) -> dict[str, Any]:
    """Return the id of a draft and the typed data that the creator signs; the item is claimed in the ledger."""
    client = market.client
    ledger, index = claim_artifact(market, decisions.account, decisions.artifact)
    content = describe_work(decisions, ledger, index)
    draft = replace(decisions.draft, metadata=market.metadata.add(content))
    proof = evidence(ledger, index, earliest_anchored_root(client, ledger, index))
    release = Release(RELEASE, client.chain_id, _contract(market), proof, draft, b"")
    data = typed_data(release)
    content = json.dumps([decisions.account, decisions.item.id, data]).encode()
    release_id = hashlib.sha256(content).hexdigest()[:32]
    about = About(decisions.item.id, decisions.title, decisions.description, int(time.time()))
    market.releases.add_draft(release_id, release, about)
    return {"release": release_id, "typed_data": data, "account": decisions.account}


def sign_release(release_id: str, signature: str | None, market: OpenMarket) -> None:
    """Write the file of a release, with the signature of the wallet or of the demo account.

    Raises:
        Refusal: if there is no such draft, or another account has signed it.
    """
    draft = market.releases.find_draft(release_id)
    if draft is None:
        raise no_release(release_id)
    creator = market.accounts.address(draft.evidence.claim.account)
    if signature is None:
        if not market.embedded:
            raise Refusal(400, "wrong_signature", "the signature is missing: sign the typed data in the wallet")
        signer = market.accounts.signer(market.accounts.acting(creator))
        signed = market.client.sign_release(signer, draft.evidence.claim.artifact, draft.draft)
    else:
        signed = _normalize(bytes.fromhex(signature[2:]))
        if _recover(draft, signed) != creator:
            raise Refusal(400, "wrong_signature", f"the signature is not one of {creator} over this release")
    market.releases.sign(release_id, replace(draft, signature=signed))


def describe_releases(market: OpenMarket) -> list[dict[str, Any]]:
    """Return the signed releases, the newest first."""
    views, client = market.views(), market.client
    found = []
    for release_id, release, about, when in market.releases.signed():
        if (release.chain_id, release.contract) != (client.chain_id, client.address):
            continue
        artifact, item = release.evidence.claim.artifact, market.items.find(about.item)
        work, creator = views.find_artifact(artifact), market.accounts.address(release.evidence.claim.account)
        found.append(
            {
                "id": release_id,
                "item": item and item.id,
                "title": about.title,
                "description": about.description,
                "preview": item and item.preview,
                "creator": creator,
                "offer": views.terms(release.draft.offers[0]),
                "artifact": artifact,
                "file": f"/api/market/releases/{release_id}/file",
                "signed": int(when),
                "deadline": None if release.draft.deadline == NO_DEADLINE else release.draft.deadline,
                "anchored": views.is_anchored(release.evidence.root),
                "work": work.number if work and work.creator == creator else None,
            }
        )
    return found


def read_document(document: str) -> Release:
    """Return the release in the text of a file; raise Refusal if it holds none."""
    try:
        return parse_release(document)
    except ValueError as error:
        raise not_a_release("it holds something else, or is damaged") from error


def typed_data(release: Release) -> dict[str, Any]:
    """Return the typed data (EIP-712) of a release for JSON: numbers of the message are decimal strings."""
    message = release_message(release.contract, release.chain_id, release.evidence.claim.artifact, release.draft)
    return message | {"message": _plain(message["message"])}


def not_a_release(reason: str) -> Refusal:
    return Refusal(400, "not_a_release", f"the file is no signed release: {reason}")


def no_release(release_id: str) -> Refusal:
    return Refusal(404, "no_such_release", f"there is no release {release_id}", {"release": release_id})


def _contract(market: OpenMarket) -> str:
    assert market.client.address is not None  # an open market has a contract
    return market.client.address


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _normalize(signature: bytes) -> bytes:
    """Return a signature whose last byte is 27 or 28, as the contract reads it; some wallets write 0 or 1."""
    return signature[:-1] + bytes([signature[-1] + 27]) if signature[-1] < 27 else signature


def _recover(release: Release, signature: bytes) -> str | None:
    """Return the address whose key has signed a release; None for a malformed signature."""
    from eth_account import Account
    from eth_account.messages import encode_typed_data
    from eth_keys.exceptions import BadSignature, ValidationError

    message = release_message(release.contract, release.chain_id, release.evidence.claim.artifact, release.draft)
    try:
        return str(Account.recover_message(encode_typed_data(full_message=message), signature=signature))
    except (BadSignature, ValidationError, ValueError):
        return None
