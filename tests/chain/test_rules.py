"""Tests what the contract grants and refuses, one rule a test."""

import hashlib

import pytest

pytest.importorskip("pyrevm", reason="pyrevm is not installed; it has no package for Python 3.13", exc_type=ImportError)

from scripts.contract.evm import (
    ACCOUNTS,
    DAY,
    ETHER,
    KEYS,
    NOBODY,
    Chain,
    Claim,
    Draft,
    Offer,
    Refused,
    ledger_line,
    ledger_root,
    prove,
)
from scripts.contract.release import sign

ADA, BOB, CYD, DAN, EVE = ACCOUNTS[:5]
NODES = ACCOUNTS[5:8]


def sha(text: object) -> bytes:
    return hashlib.sha256(str(text).encode()).digest()


@pytest.fixture
def chain() -> Chain:
    return Chain()


def refuses(chain: Chain, error: str, name: str, *arguments: object, sender: str = ADA, value: int = 0) -> None:
    """Assert that the contract reverts with an error."""
    with pytest.raises(Refused) as caught:
        chain.call(name, *arguments, sender=sender, value=value)
    assert caught.value.name == error


def owed(chain: Chain, *accounts: str) -> list[int]:
    return [chain.call("owed", account) for account in accounts]


def listed(chain: Chain, token: int, price: int, sender: str) -> int:
    """List a token and return the number of the listing."""
    chain.call("list", token, price, sender=sender)
    return int(chain.call("listings", token)[1])


# Record of a work


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 8, 11])
def test_each_line_of_an_anchored_ledger_is_dated(chain, size):
    lines = [ledger_line(ACCOUNTS[i % 5], sha(i), f',"record":"{i}"}}') for i in range(size)]
    chain.call("anchor", ledger_root(lines), size)
    anchored = chain.now
    chain.wait(100)
    for index in range(size):
        assert chain.call("since", prove(lines, index)) == anchored


def test_changed_claim_is_refused(chain):
    claim = chain.claim(ADA, sha("image"), size=8, index=5)
    assert chain.call("since", claim) > 0
    changed = [
        claim._replace(account=EVE),
        claim._replace(artifact=sha("other")),
        claim._replace(rest=" }"),
        claim._replace(path=claim.path[::-1]),
        claim._replace(path=claim.path[:-1]),
        claim._replace(path=[*claim.path, sha("more")]),
        claim._replace(lefts=claim.lefts ^ 1),
    ]
    for one in changed:
        refuses(chain, "NotAnchored", "since", one)


def test_second_anchor_keeps_the_first_time(chain):
    claim = chain.claim(ADA, sha("image"))
    first = chain.call("since", claim)
    chain.wait(DAY)
    chain.call("anchor", ledger_root([ledger_line(ADA, sha("image"))]), 1)
    assert chain.events() == []
    assert chain.call("since", claim) == first


def test_registration_records_creator_time_and_artifact(chain):
    claim = chain.claim(ADA, sha("image"), size=1000, index=637)
    anchored = chain.now - 1
    work = chain.call("register", claim, Draft(), b"", sender=ADA)
    event = {"work": work, "creator": ADA, "artifact": sha("image"), "since": anchored}
    assert ("Registered", event) in chain.events()
    assert chain.call("workInfo", work)[:2] == (ADA, anchored)
    assert chain.call("ownerOf", work) == ADA
    assert chain.call("workOf", sha("image")) == work


def test_only_the_account_of_a_claim_registers(chain):
    """Anybody may anchor a ledger, so a copied claim is of no use to others."""
    claim = chain.claim(ADA, sha("image"))
    refuses(chain, "Unauthorized", "register", claim, Draft(), b"", sender=EVE)


def test_artifact_is_registered_once(chain):
    claim = chain.claim(ADA, sha("image"))
    chain.call("register", claim, Draft(), b"", sender=ADA)
    refuses(chain, "Taken", "register", claim, Draft(), b"", sender=ADA)


def test_claim_is_not_registered_in_the_block_that_anchors_it(chain):
    """An account that sees a pending registration cannot anchor a claim of its own and come first."""
    lines = [ledger_line(EVE, sha("image"))]
    chain.call("anchor", ledger_root(lines), 1)
    refuses(chain, "TooEarly", "register", prove(lines, 0), Draft(), b"", sender=EVE)
    chain.wait(1)
    assert chain.call("register", prove(lines, 0), Draft(), b"", sender=EVE) == 1


def test_a_work_can_be_a_row_or_all_of_a_data_set(chain):
    rows = [ledger_line(ADA, sha(f"row {i}")) for i in range(100)]
    chain.call("anchor", ledger_root(rows), 100)
    chain.wait(1)
    assert chain.call("since", prove(rows, 42)) == chain.now - 1
    chain.call("register", prove(rows, 42), Draft(), b"", sender=ADA)
    whole = chain.publish(ADA, ledger_root(rows))
    assert chain.call("workOf", ledger_root(rows)) == whole


# Forgeries


def forged(chain: Chain) -> tuple[Claim, int, int]:
    """Let Eve register Ada's work and sell a copy to Dan. Return Ada's older claim, Eve's work and Dan's copy."""
    claim = chain.claim(ADA, sha("image"))
    work = chain.publish(EVE, sha("image"), Draft(offers=[Offer(price=ETHER, editions=9)]))
    return claim, work, chain.call("collect", work, 0, DAN, sender=DAN, value=ETHER)


def test_older_claim_displaces_a_forgery(chain):
    claim, forgery, copy = forged(chain)
    work = chain.call("register", claim, Draft(), b"", sender=ADA)
    assert ("Displaced", {"work": forgery, "by": work}) in chain.events()
    assert chain.call("workOf", sha("image")) == work
    assert [chain.call("isValid", token) for token in (forgery, copy, work)] == [False, False, True]
    refuses(chain, "Over", "transferFrom", DAN, BOB, copy, sender=DAN)
    refuses(chain, "Over", "list", forgery, 1, sender=EVE)
    refuses(chain, "NotForSale", "collect", forgery, 0, DAN, value=ETHER)
    refuses(chain, "NotForSale", "tip", forgery, value=1)


def test_anybody_burns_displaced_tokens(chain):
    claim, forgery, copy = forged(chain)
    refuses(chain, "ERC721InsufficientApproval", "burn", copy, sender=BOB)
    refuses(chain, "Unauthorized", "burn", forgery, sender=EVE)
    chain.call("register", claim, Draft(), b"", sender=ADA)
    for token in (forgery, copy):
        chain.call("burn", token, sender=BOB)
        refuses(chain, "ERC721NonexistentToken", "ownerOf", token)


def test_displaced_work_cannot_be_a_part(chain):
    claim, forgery, _ = forged(chain)
    chain.call("register", claim, Draft(), b"", sender=ADA)
    film = chain.claim(EVE, sha("film"))
    refuses(chain, "OutOfRange", "register", film, Draft(parts=[forgery]), b"", sender=EVE)


@pytest.mark.parametrize(("wait", "displaced"), [(30 * DAY - 1, True), (30 * DAY, False)])
def test_forgery_can_be_displaced_for_30_days(chain, wait, displaced):
    claim = chain.claim(ADA, sha("image"))
    chain.publish(EVE, sha("image"))
    chain.wait(wait)
    if displaced:
        chain.call("register", claim, Draft(), b"", sender=ADA)
    else:
        refuses(chain, "Taken", "register", claim, Draft(), b"", sender=ADA)


def test_forger_cannot_displace_the_older_claim(chain):
    claim, _, _ = forged(chain)
    later = chain.claim(EVE, sha("image"), size=2)
    chain.call("register", claim, Draft(), b"", sender=ADA)
    refuses(chain, "Taken", "register", later, Draft(), b"", sender=EVE)


def test_creator_cannot_void_sold_copies_with_an_older_claim(chain):
    older = chain.claim(ADA, sha("image"))
    chain.publish(ADA, sha("image"))
    refuses(chain, "Taken", "register", older, Draft(), b"", sender=ADA)


# Sale and resale


def test_sale_is_split_by_units(chain):
    work = chain.publish(ADA, sha(1), Draft(payees=[(ADA, 70), (BOB, 30)], offers=[Offer(price=ETHER)]))
    copy = chain.call("collect", work, 0, CYD, sender=DAN, value=ETHER)
    event = {"work": work, "token": copy, "seller": ADA, "buyer": CYD, "price": ETHER}
    assert ("Sold", event) in chain.events()
    assert owed(chain, ADA, BOB) == [7 * ETHER // 10, 3 * ETHER // 10]
    assert chain.call("ownerOf", copy) == CYD


def test_first_payee_gets_what_rounding_leaves(chain):
    payees = [(ADA, 1), (BOB, 1), (CYD, 1)]
    work = chain.publish(ADA, sha(1), Draft(payees=payees, offers=[Offer(price=11)]))
    chain.call("collect", work, 0, DAN, value=11)
    assert owed(chain, ADA, BOB, CYD) == [5, 3, 3]


@pytest.mark.parametrize("value", [0, ETHER - 1, ETHER + 1])
def test_copy_costs_exactly_its_price(chain, value):
    work = chain.publish(ADA, sha(1), Draft(offers=[Offer(price=ETHER)]))
    refuses(chain, "WrongPrice", "collect", work, 0, BOB, value=value)


def test_resale_pays_the_royalty_to_all_payees(chain):
    draft = Draft(royalty=1000, payees=[(ADA, 70), (BOB, 30)], offers=[Offer()])
    work = chain.publish(ADA, sha(1), draft)
    copy = chain.call("collect", work, 0, CYD)
    number = listed(chain, copy, 2 * ETHER, CYD)
    chain.call("buy", copy, number, EVE, sender=EVE, value=2 * ETHER)
    event = {"work": work, "token": copy, "seller": CYD, "buyer": EVE, "price": 2 * ETHER}
    assert ("Sold", event) in chain.events()
    assert owed(chain, ADA, BOB, CYD) == [14 * ETHER // 100, 6 * ETHER // 100, 18 * ETHER // 10]
    assert chain.call("ownerOf", copy) == EVE


def test_only_the_holder_lists_a_token(chain):
    work = chain.publish(ADA, sha(1))
    refuses(chain, "Unauthorized", "list", work, 1, sender=EVE)


def test_new_price_ends_the_old_listing(chain):
    work = chain.publish(ADA, sha(1))
    old = listed(chain, work, 5, ADA)
    new = listed(chain, work, 9, ADA)
    refuses(chain, "NotForSale", "buy", work, old, BOB, value=5)
    refuses(chain, "WrongPrice", "buy", work, new, BOB, value=5)
    chain.call("list", work, 0, sender=ADA)
    refuses(chain, "NotForSale", "buy", work, new, BOB, value=9)
    refuses(chain, "NotForSale", "buy", work, 0, BOB)


def test_transfer_ends_a_listing(chain):
    work = chain.publish(ADA, sha(1))
    number = listed(chain, work, 5, ADA)
    chain.call("transferFrom", ADA, BOB, work, sender=ADA)
    refuses(chain, "NotForSale", "buy", work, number, CYD, value=5)


@pytest.mark.parametrize(("name", "arguments"), [("offer", [Offer()]), ("close", [0]), ("allow", [NOBODY, True])])
def test_changed_offer_or_permission_ends_the_listing_of_a_title(chain, name, arguments):
    work = chain.publish(ADA, sha(1), Draft(offers=[Offer()]))
    number = listed(chain, work, 5, ADA)
    chain.call(name, work, *arguments, sender=ADA)
    refuses(chain, "NotForSale", "buy", work, number, BOB, value=5)


def test_anybody_triggers_a_withdrawal_to_the_account(chain):
    work = chain.publish(ADA, sha(1), Draft(payees=[(CYD, 1)], offers=[Offer(price=ETHER)]))
    chain.call("collect", work, 0, BOB, value=ETHER)
    before = chain.evm.get_balance(CYD)
    chain.call("withdraw", CYD, sender=EVE)
    assert chain.evm.get_balance(CYD) == before + ETHER
    assert (owed(chain, CYD), chain.balance) == ([0], 0)


def test_tip_is_split_like_a_sale(chain):
    work = chain.publish(
        ADA, sha(1), Draft(payees=[(node, units) for node, units in zip(NODES, (6, 3, 1), strict=True)])
    )
    chain.call("tip", work, sender=DAN, value=1000)
    assert ("Tipped", {"work": work, "by": DAN, "amount": 1000}) in chain.events()
    assert owed(chain, *NODES) == [600, 300, 100]


# Title and copies


def test_buyer_of_a_title_controls_its_offers(chain):
    work = chain.publish(ADA, sha(1), Draft(royalty=0, offers=[Offer(price=ETHER, editions=9)]))
    number = listed(chain, work, 5 * ETHER, ADA)
    chain.call("buy", work, number, BOB, value=5 * ETHER)
    for name, arguments in {"offer": [Offer()], "close": [0], "allow": [CYD, True]}.items():
        refuses(chain, "Unauthorized", name, work, *arguments, sender=ADA)
        chain.call(name, work, *arguments, sender=BOB)
    assert chain.call("workInfo", work)[0] == ADA


def test_payee_0_is_the_holder_of_the_title(chain):
    work = chain.publish(ADA, sha(1), Draft(payees=[(NOBODY, 1)], offers=[Offer(price=7, editions=9)]))
    chain.call("collect", work, 0, CYD, value=7)
    chain.call("transferFrom", ADA, BOB, work, sender=ADA)
    chain.call("collect", work, 0, CYD, value=7)
    assert owed(chain, ADA, BOB) == [7, 7]


def test_editions_are_limited(chain):
    work = chain.publish(ADA, sha(1), Draft(offers=[Offer(editions=2)]))
    chain.call("collect", work, 0, BOB)
    chain.call("collect", work, 0, CYD)
    refuses(chain, "NotForSale", "collect", work, 0, DAN)
    assert chain.call("sold", work, 0) == 2


def test_closed_offer_sells_no_more_copies(chain):
    work = chain.publish(ADA, sha(1), Draft(offers=[Offer(editions=9)]))
    copy = chain.call("collect", work, 0, BOB)
    chain.call("close", work, 0, sender=ADA)
    refuses(chain, "NotForSale", "collect", work, 0, DAN)
    assert chain.call("isValid", copy)


def test_copy_is_valid_from_one_time_until_another(chain):
    start, until = chain.now + 1000, chain.now + 5000
    work = chain.publish(ADA, sha(1), Draft(offers=[Offer(start=start, until=until, editions=9)]))
    copy = chain.call("collect", work, 0, BOB)
    for time, valid in ((start - 1, False), (start, True), (until - 1, True), (until, False)):
        chain.wait(time - chain.now)
        assert chain.call("isValid", copy) == valid
    refuses(chain, "Over", "transferFrom", BOB, CYD, copy, sender=BOB)
    refuses(chain, "NotForSale", "collect", work, 0, CYD)


def test_licence_of_24_hours_ends_to_the_second(chain):
    work = chain.publish(ADA, sha("music"), Draft(offers=[Offer(price=1, term=DAY, hands=0)]))
    copy = chain.call("collect", work, 0, BOB, value=1)
    chain.wait(DAY - 1)
    assert chain.call("isValid", copy)
    chain.wait(1)
    assert not chain.call("isValid", copy)


def test_copy_ends_after_its_last_transfer(chain):
    """With two transfers and a term of 100 seconds, the second transfer starts the term."""
    work = chain.publish(ADA, sha(1), Draft(offers=[Offer(term=100, hands=2)]))
    copy = chain.call("collect", work, 0, BOB)
    chain.wait(DAY)
    chain.call("transferFrom", BOB, CYD, copy, sender=BOB)
    chain.wait(DAY)
    chain.call("transferFrom", CYD, DAN, copy, sender=CYD)
    assert chain.call("isValid", copy)
    refuses(chain, "Over", "transferFrom", DAN, EVE, copy, sender=DAN)
    refuses(chain, "Over", "list", copy, 1, sender=DAN)
    chain.wait(100)
    assert not chain.call("isValid", copy)
    chain.call("burn", copy, sender=EVE)
    refuses(chain, "ERC721NonexistentToken", "ownerOf", copy)


def test_copy_without_transfers_stays_with_its_buyer(chain):
    work = chain.publish(ADA, sha(1), Draft(offers=[Offer(hands=0)]))
    copy = chain.call("collect", work, 0, BOB)
    refuses(chain, "Over", "transferFrom", BOB, CYD, copy, sender=BOB)
    assert chain.call("isValid", copy)


def test_only_a_revocable_copy_is_revoked_by_the_titles_holder(chain):
    work = chain.publish(ADA, sha(1), Draft(offers=[Offer(revocable=True), Offer()]))
    revocable, final = chain.call("collect", work, 0, BOB), chain.call("collect", work, 1, BOB)
    number = listed(chain, revocable, 5, BOB)
    refuses(chain, "Unauthorized", "revoke", revocable, sender=BOB)
    refuses(chain, "Unauthorized", "revoke", final, sender=ADA)
    chain.call("revoke", revocable, sender=ADA)
    assert not chain.call("isValid", revocable)
    refuses(chain, "NotForSale", "buy", revocable, number, CYD, value=5)


def test_holder_burns_a_copy_but_not_a_title(chain):
    work = chain.publish(ADA, sha(1), Draft(offers=[Offer()]))
    copy = chain.call("collect", work, 0, BOB)
    chain.call("burn", copy, sender=BOB)
    refuses(chain, "Unauthorized", "burn", work, sender=ADA)


# Works made of works


def film(chain: Chain) -> int:
    """Register a film of Cyd's with Ada's image, made by a model that three nodes trained, and Bob's music."""
    nodes = [(NODES[0], 600), (NODES[1], 300), (NODES[2], 100)]
    model = chain.publish(DAN, sha("model"), Draft(share=1000, payees=nodes))
    chain.call("allow", model, NOBODY, True, sender=DAN)
    image = chain.publish(ADA, sha("image"), Draft(share=4000, parts=[model]))
    music = chain.publish(BOB, sha("music"), Draft(share=3000, offers=[Offer(price=ETHER)]))
    for part, holder in ((image, ADA), (music, BOB)):
        chain.call("allow", part, CYD, True, sender=holder)
    return chain.publish(CYD, sha("film"), Draft(parts=[image, music], offers=[Offer(price=ETHER)]))


def test_sale_of_a_film_pays_its_parts_and_the_parts_of_these(chain):
    work = film(chain)
    chain.call("collect", work, 0, EVE, value=ETHER)
    amounts = [amount * 1000 // ETHER for amount in owed(chain, ADA, BOB, CYD, *NODES)]
    assert amounts == [360, 300, 300, 24, 12, 4]
    assert chain.balance == ETHER


def test_part_of_a_film_is_sold_alone(chain):
    film(chain)
    music = chain.call("workOf", sha("music"))
    chain.call("collect", music, 0, EVE, value=ETHER)
    assert owed(chain, ADA, BOB, CYD) == [0, ETHER, 0]


def test_part_needs_the_permission_of_its_holder(chain):
    part = chain.publish(ADA, sha(1))
    claim = chain.claim(BOB, sha(2))
    refuses(chain, "Unauthorized", "register", claim, Draft(parts=[part]), b"", sender=BOB)
    chain.call("allow", part, BOB, True, sender=ADA)
    chain.call("allow", part, BOB, False, sender=ADA)
    refuses(chain, "Unauthorized", "register", claim, Draft(parts=[part]), b"", sender=BOB)
    chain.call("allow", part, BOB, True, sender=ADA)
    chain.call("register", claim, Draft(parts=[part]), b"", sender=BOB)


def test_displaced_part_earns_nothing(chain):
    claim = chain.claim(ADA, sha("image"))
    forgery = chain.publish(EVE, sha("image"), Draft(share=5000))
    chain.call("allow", forgery, NOBODY, True, sender=EVE)
    work = chain.publish(BOB, sha("film"), Draft(parts=[forgery]))
    chain.call("register", claim, Draft(), b"", sender=ADA)
    chain.call("tip", work, value=100)
    assert owed(chain, EVE, BOB) == [0, 100]


@pytest.mark.parametrize(
    "draft",
    [
        Draft(royalty=10_001),
        Draft(share=10_001),
        Draft(payees=[]),
        Draft(payees=[(ADA, 1), (BOB, 0)]),
        Draft(payees=[(ADA, 1)] * 65),
        Draft(parts=[99]),
    ],
)
def test_draft_out_of_range_is_refused(chain, draft):
    refuses(chain, "OutOfRange", "register", chain.claim(ADA, sha(1)), draft, b"", sender=ADA)


def test_work_and_its_parts_have_64_payees_at_most(chain):
    part = chain.publish(ADA, sha(1), Draft(payees=[(ADA, 1)] * 32))
    claim = chain.claim(ADA, sha(2))
    draft = Draft(payees=[(ADA, 1)] * 33, parts=[part])
    refuses(chain, "OutOfRange", "register", claim, draft, b"", sender=ADA)
    chain.call("register", claim, draft._replace(payees=[(ADA, 1)] * 32), b"", sender=ADA)


def test_shares_of_parts_are_the_whole_price_at_most(chain):
    parts = [chain.publish(ADA, sha(i), Draft(share=5001)) for i in range(2)]
    refuses(chain, "OutOfRange", "register", chain.claim(ADA, sha(2)), Draft(parts=parts), b"", sender=ADA)


# Signed releases


KEY, SIGNER = KEYS[8], ACCOUNTS[8]


def signed_release(chain: Chain) -> tuple[Claim, Draft, bytes]:
    claim = chain.claim(SIGNER, sha("image"))
    offer = Offer(price=ETHER, editions=10, hands=3, term=60, licence=sha("licence"))
    payees = [(SIGNER, 2), (NOBODY, 1)]
    draft = Draft(sha("json"), 700, 40, payees=payees, offers=[offer, Offer()], deadline=chain.now + 3600)
    return claim, draft, sign(KEY, 1, chain.address, claim.artifact, draft)


def test_buyer_registers_a_signed_release_and_collects(chain):
    claim, draft, signature = signed_release(chain)
    arguments = (claim, draft, signature, BOB)
    work, copy = chain.call("registerAndCollect", *arguments, sender=BOB, value=ETHER)
    assert chain.call("ownerOf", work) == SIGNER
    assert chain.call("ownerOf", copy) == BOB
    assert owed(chain, SIGNER) == [ETHER]


def test_changed_release_is_refused(chain):
    claim, draft, signature = signed_release(chain)
    changed = [
        draft._replace(metadata=sha("other")),
        draft._replace(royalty=0),
        draft._replace(share=41),
        draft._replace(payees=[(BOB, 2), (NOBODY, 1)]),
        draft._replace(payees=draft.payees[:1]),
        draft._replace(parts=[1]),
        draft._replace(offers=draft.offers[::-1]),
        draft._replace(offers=[draft.offers[0]._replace(price=1), draft.offers[1]]),
        draft._replace(deadline=draft.deadline + 1),
    ]
    for one in changed:
        refuses(chain, "Unauthorized", "register", claim, one, signature, sender=BOB)
    refuses(chain, "Unauthorized", "register", chain.claim(SIGNER, sha(2)), draft, signature, sender=BOB)


def test_release_is_signed_for_one_contract_on_one_chain(chain):
    claim, draft, _ = signed_release(chain)
    for chain_id, contract in ((1, NOBODY), (2, chain.address)):
        signature = sign(KEY, chain_id, contract, claim.artifact, draft)
        refuses(chain, "Unauthorized", "register", claim, draft, signature, sender=BOB)


@pytest.mark.parametrize(("late", "accepted"), [(0, True), (1, False)])
def test_release_is_registered_by_its_deadline(chain, late, accepted):
    claim, draft, signature = signed_release(chain)
    chain.wait(draft.deadline + late - chain.now)
    if accepted:
        chain.call("register", claim, draft, signature, sender=BOB)
    else:
        refuses(chain, "Unauthorized", "register", claim, draft, signature, sender=BOB)


# What wallets and marketplaces read


def test_metadata_address_is_the_ipfs_address_of_the_json(chain):
    work = chain.publish(ADA, sha(1), Draft(metadata=sha("{}"), offers=[Offer()]))
    copy = chain.call("collect", work, 0, BOB)
    address = "ipfs://f01551220" + sha("{}").hex()
    assert [chain.call("tokenURI", token) for token in (work, copy)] == [address, address]


def test_royalty_names_the_first_payee(chain):
    draft = Draft(royalty=1000, payees=[(BOB, 1), (CYD, 9)], offers=[Offer()])
    work = chain.publish(ADA, sha(1), draft)
    copy = chain.call("collect", work, 0, DAN)
    assert chain.call("royaltyInfo", copy, 2000) == (BOB, 200)


@pytest.mark.parametrize("interface", ["80ac58cd", "5b5e139f", "2a55205a", "01ffc9a7"])
def test_interfaces_are_erc_721_its_metadata_erc_2981_and_erc_165(chain, interface):
    assert chain.call("supportsInterface", bytes.fromhex(interface))
