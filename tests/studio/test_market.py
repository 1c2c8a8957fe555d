"""The market on an embedded chain: demo accounts register, sell and buy, with exact amounts."""

import json
import shutil
import threading
import time
from pathlib import Path

import pytest

from gan_lightning.chain import connect
from gan_lightning.chain.journal import Journal
from gan_lightning.chain.places import Unreachable
from gan_lightning.provenance import identity
from gan_lightning.provenance.ledger import read_ledger
from gan_lightning.studio.market.claiming import claim_artifact
from gan_lightning.studio.market.saved_board import read_saved
from tests.studio.market_kit import ETHER, Scene, Visitor, addresses


@pytest.fixture(scope="session")
def opened_once(tmp_path_factory) -> Path:
    """Folder of a studio whose chain has a contract, to copy."""
    folder = tmp_path_factory.mktemp("opened")
    Scene(folder).wait().close()
    return folder


@pytest.fixture
def folder(opened_once: Path, tmp_path: Path) -> Path:
    """Folder of a studio of this test, whose signer has an identity."""
    identity.create("Jane Doe", "Example")
    shutil.copytree(opened_once, tmp_path / "studio")
    return tmp_path / "studio"


@pytest.fixture
def scene(folder: Path):
    scene = Scene(folder).wait()
    yield scene
    scene.close()


@pytest.fixture
def alice(scene: Scene) -> Visitor:
    return scene.visitor()


def balance(visitor: Visitor, account: str) -> int:
    return int(visitor.get(f"/accounts/{account}")["balance"])


def test_copy_is_sold_and_resold_with_exact_amounts(scene, alice):
    at, start = addresses(alice), {name: balance(alice, name) for name in ("alice", "bob", "carol")}
    terms = {"price": "0.1 ether", "editions": 2, "licence": "You may show this."}
    work = alice.register("item0", "alice", title="Seven", offer=terms, royalty="5%")
    receipts = [alice.post("collect", account="bob", work=work)["result"]]
    token = receipts[0]["token"]
    receipts.append(alice.post("list", account="bob", token=token, price="0.3 ether")["result"])
    (listing,) = alice.get("")["listings"]
    assert (listing["token"], listing["price"], listing["holder"]) == (token, str(3 * ETHER // 10), at.bob)
    receipts.append(alice.post("buy", account="carol", token=token, number=listing["number"])["result"])
    owed = {name: int(alice.get(f"/accounts/{name}")["owed"]) for name in ("alice", "bob", "carol")}
    assert owed == {"alice": 115 * ETHER // 1000, "bob": 285 * ETHER // 1000, "carol": 0}
    receipts.append(alice.post("withdraw", account="bob")["result"])
    assert receipts[3]["amount"] == str(owed["bob"])

    fees = [int(one["transaction"]["fee"]) for one in receipts]
    paid = {"bob": fees[0] + fees[1] + fees[3] + ETHER // 10 - owed["bob"], "carol": fees[2] + 3 * ETHER // 10}
    assert {name: start[name] - balance(alice, name) for name in paid} == paid

    shown = alice.get(f"/works/{work}")
    assert (shown["title"], shown["creator"], shown["holder"]) == ("Seven", at.alice, at.alice)
    assert (shown["royalty"], shown["copies_sold"], shown["sold_for"]) == (5, 1, str(ETHER // 10))
    assert [(sale["kind"], sale["from"], sale["to"], sale["price"]) for sale in shown["sales"]] == [
        ("resale", at.bob, at.carol, str(3 * ETHER // 10)),
        ("copy", at.alice, at.bob, str(ETHER // 10)),
    ]
    for sale in shown["sales"]:
        assert sum(int(one["amount"]) for one in sale["payments"]) == int(sale["price"])
    assert shown["sales"] == alice.get("/sales")["sales"]
    (copy,) = alice.get("/accounts/carol")["copies"]
    assert (copy["token"], copy["valid"], copy["remaining"], copy["transferable"]) == (token, True, None, True)
    assert alice.client.get(copy["licence_url"]).text == "You may show this."
    events = [event["words"] for event in receipts[2]["events"]]
    assert events[0] == f"bob sold token {token} of work {work} to carol for 0.3 ether"
    assert scene.market.work_of(shown["artifact"]) == work
    assert scene.market.work_of("0" * 64) is None


def test_tree_shows_what_the_contract_pays(alice):
    at = addresses(alice)
    song = alice.register("item0", "bob", title="Song", share="30%", payees=[{"account": "carol", "units": 3}])
    alice.refused("register", "part_not_allowed", account="alice", item="item1", title="Film", parts=[song])
    alice.post("allow", account="bob", work=song, who="alice")
    clip = alice.register("item1", "alice", title="Clip", share="50%", parts=[song])
    payees = [{"account": "holder", "units": 2}, {"account": at.bob, "units": 1}]
    film = alice.register("item2", "alice", title="Film", offer={"price": "1 ether"}, parts=[clip], payees=payees)
    tree = alice.get(f"/works/{film}")["tree"]
    assert (tree["keeps"], tree["parts"][0]["flow"], tree["parts"][0]["keeps"]) == (50, 50, 35)
    assert tree["parts"][0]["parts"][0]["payees"] == [
        {"account": at.carol, "units": "3", "holder": False, "percent": 15}
    ]
    expected: dict[str, float] = {}
    for node in (tree, tree["parts"][0], tree["parts"][0]["parts"][0]):
        for payee in node["payees"]:
            expected[payee["account"]] = expected.get(payee["account"], 0) + payee["percent"]
    alice.post("collect", account="carol", work=film)
    (sale,) = alice.get("/sales")["sales"]
    paid: dict[str, int] = {}
    for one in sale["payments"]:
        paid[one["account"]] = paid.get(one["account"], 0) + int(one["amount"])
    assert sum(paid.values()) == ETHER
    assert {account: round(100 * amount / ETHER, 6) for account, amount in paid.items()} == pytest.approx(expected)


def test_only_one_of_two_buyers_gets_the_last_edition(scene, alice):
    work = alice.register("item0", "alice", offer={"price": "0.1 ether"})
    buyers = {name: scene.visitor() for name in ("bob", "carol")}
    before, answers, barrier = {name: balance(alice, name) for name in buyers}, {}, threading.Barrier(2)

    def collect(name: str) -> None:
        barrier.wait()
        answers[name] = buyers[name].client.post("/api/market/collect", json={"account": name, "work": work})

    threads = [threading.Thread(target=collect, args=(name,)) for name in buyers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winner, loser = sorted(buyers, key=lambda name: answers[name].status_code)
    assert (answers[winner].status_code, answers[loser].status_code) == (200, 409)
    error = answers[loser].json()["error"]
    assert (error["code"], "not for sale" in error["message"]) == ("refused_NotForSale", True)
    assert balance(alice, loser) == before[loser]
    (offer,) = alice.get(f"/works/{work}")["offers"]
    assert (offer["left"], offer["open"], offer["closed_because"]) == (0, False, "sold_out")


def test_same_registration_twice_at_once_makes_one_work(scene, alice):
    request = {"account": "alice", "item": "item0", "title": "One"}
    jobs = [alice.post("register", 202, **request)["job"] for _ in range(3)]
    results = [alice.finish(job) for job in jobs]
    assert {job["result"]["work"] for job in results} == {1}
    assert alice.finish(alice.post("register", 202, **request)["job"])["result"]["already"] is True
    assert len(read_ledger(scene.studio.settings.ledger, b"").lines) == 1
    assert [step["state"] for step in results[0]["steps"]] == ["done"] * 3
    other = scene.visitor()
    assert other.get(f"/jobs/{jobs[0]['id']}", 404)["error"]["code"] == "no_such_job"
    job = other.finish(other.post("register", 202, **request | {"title": "Two"})["job"])
    assert (job["state"], job["error"]["code"]) == ("failed", "other_terms_registered")
    job = other.finish(other.post("register", 202, **request | {"account": "bob"})["job"])
    assert (job["error"]["code"], job["error"]["values"]) == ("refused_Taken", {"work": 1})
    assert len(read_ledger(scene.studio.settings.ledger, b"").lines) == 1


def test_rental_ends_and_can_be_destroyed(scene, alice):
    terms = {"price": "0.01 ether", "editions": "any", "term": "1h", "hands": 0, "revocable": True}
    work = alice.register("item0", "alice", offer=terms)
    token = alice.post("collect", account="bob", work=work)["result"]["token"]
    (copy,) = alice.get("/accounts/bob")["copies"]
    assert copy["valid"]
    assert 3590 < copy["remaining"] <= 3600
    assert (copy["hands"], copy["transferable"], alice.get("")["works"][0]["offers"][0]["editions"]) == (0, False, None)
    alice.refused("list", "refused_Over", account="bob", token=token, price="1 ether")
    alice.refused("burn", "refused_ERC721InsufficientApproval", account="carol", token=token)
    scene.market.opened().client.advance(3601)
    (copy,) = alice.get(f"/works/{work}")["copies"]
    assert (copy["valid"], copy["over"], copy["remaining"]) == (False, True, 0)
    alice.post("burn", account="carol", token=token)
    (copy,) = alice.get(f"/works/{work}")["copies"]
    assert (copy["holder"], copy["valid"]) == (None, False)
    token = alice.post("collect", account="bob", work=work)["result"]["token"]
    alice.refused("revoke", "refused_Unauthorized", account="bob", token=token)
    alice.post("revoke", account="alice", token=token)
    assert not alice.get("/accounts/bob")["copies"][0]["valid"]


def test_changes_without_an_event_are_shown(scene, alice):
    work = alice.register("item0", "alice", offer={"price": "0"})
    alice.post("list", account="alice", token=work, price="1 ether")
    assert alice.get("")["works"][0]["listing"]["price"] == str(ETHER)
    alice.post("close", account="alice", work=work, offer=0)
    shown = alice.get("")["works"][0]
    assert (shown["offers"][0]["open"], shown["listing"]) == (False, None)
    alice.refused("collect", "refused_NotForSale", account="bob", work=work)
    assert alice.post("offer", account="alice", work=work, offer={"price": "2 gwei"})["result"]["offer"] == 1
    assert alice.get("")["works"][0]["offers"][1]["price"] == "2000000000"
    alice.post("allow", account="alice", work=work, who="everybody")
    assert alice.get(f"/works/{work}")["may_build_on"] == {"everybody": True}
    other = connect(Path(scene.market.place))  # another program
    other.transact(other.demo_accounts["alice"], "close", work, 1)
    assert alice.get(f"/works/{work}")["offers"][1]["open"] is False


@pytest.mark.slow
def test_market_is_read_again_only_where_it_changed(scene, alice, monkeypatch):
    works = [alice.register(f"item{index}", "alice", offer={"price": "1 wei", "editions": 9}) for index in range(4)]
    alice.get("")
    client, asked = scene.market.opened().client, []
    read = client.read
    monkeypatch.setattr(client, "read", lambda function, *values: asked.append(function) or read(function, *values))
    first = alice.get("")
    assert (alice.get("")["works"], asked) == (first["works"], [])
    alice.post("collect", account="bob", work=works[0])
    asked.clear()
    assert alice.get("")["works"][3]["copies_sold"] == 1
    assert 1 <= asked.count("workInfo") <= 3
    assert [one["number"] for one in first["works"]] == works[::-1]


def test_events_are_not_lost_when_a_read_fails(scene, alice, monkeypatch):
    work = alice.register("item0", "alice", offer={"price": "1 wei", "editions": 9})
    client = scene.market.opened().client
    alice.post("collect", account="bob", work=work)
    with monkeypatch.context() as context:
        context.setattr(client, "read", lambda *_: (_ for _ in ()).throw(Unreachable("no answer from the node")))
        assert alice.get("", 503)["error"]["code"] == "chain_unreachable"
    assert [sale["kind"] for sale in alice.get("/sales")["sales"]] == ["copy"]
    assert alice.get("")["works"][0]["copies_sold"] == 1


def test_text_that_was_changed_is_not_shown(scene, alice):
    work = alice.register("item0", "alice", title="Song", offer={"price": "0", "licence": "Play it."})
    url = alice.get("")["works"][0]["offers"][0]["licence_url"]
    market = scene.market.opened()
    for texts in (market.licences, market.metadata):
        for path in texts.folder.iterdir():
            path.write_text("changed")
        texts.forget()
    shown = alice.get(f"/works/{work}")
    assert (shown["title"], shown["metadata"]["known"], shown["offers"][0]["licence_url"]) == (None, False, None)
    assert alice.client.get(url).json()["error"]["code"] == "no_such_licence"


def test_offers_of_strangers_are_shown(scene, alice):
    work = alice.register("item0", "alice")
    client = scene.market.opened().client
    terms = (2**96 - 1, 2**48 - 1, 2**48 - 1, 2**32 - 1, 2**32 - 1, 2**16 - 1, True, b"\x01" * 32)
    client.transact(client.demo_accounts["alice"], "offer", work, terms)
    (offer,) = alice.get("")["works"][0]["offers"]
    assert (offer["price"], offer["until"], offer["licence_url"]) == (str(2**96 - 1), 2**48 - 1, None)
    alice.refused("collect", "not_enough_ether", account="bob", work=work)


def test_title_is_sold_and_tips_go_to_its_holder(alice):
    at = addresses(alice)
    work = alice.register("item0", "alice", title="A " + "\u5b57" * 50)
    number = alice.post("list", account="alice", token=work, price="5 ether")["result"]["number"]
    alice.post("buy", account="carol", token=work, number=number)
    alice.post("tip", account="bob", work=work, amount="7 wei")
    tip, title = alice.get(f"/works/{work}")["sales"]
    assert (title["kind"], tip["kind"], tip["payments"]) == (
        "title",
        "tip",
        [{"account": at.carol, "amount": "7", "work": work}],
    )
    account = alice.get(f"/accounts/{at.carol}")
    assert (account["name"], [one["number"] for one in account["titles"]], account["earned"]) == ("carol", [work], "7")
    alice.refused("tip", "not_enough_ether", account="bob", work=work, amount="20000 ether")


@pytest.mark.slow
def test_state_outlives_the_server(folder):
    scene = Scene(folder).wait()
    visitor = scene.visitor()
    work = visitor.register("item0", "alice", title="Kept", offer={"price": "0.1 ether", "editions": 3})
    visitor.post("collect", account="bob", work=work)
    visitor.post("offer", account="alice", work=work, offer={"price": "1 wei"})
    visitor.post("close", account="alice", work=work, offer=1)
    before, details = visitor.get(""), visitor.get(f"/works/{work}")
    scene.close()
    assert read_saved(next(folder.rglob("board.json")), connect(Path(scene.market.place)), 99)
    for name in ("board.json", None, "events.jsonl"):  # a file that is lost or damaged is made again
        found = [path for path in folder.rglob("*.json*") if path.name == name]
        for path in found:
            path.write_text(path.read_text()[:-20])
        scene = Scene(folder).wait()
        visitor = scene.visitor()
        for answer, earlier in ((visitor.get(""), before), (visitor.get(f"/works/{work}"), details)):
            assert {key: answer[key] for key in earlier if key != "now"} == {
                key: earlier[key] for key in earlier if key != "now"
            }
        scene.close()


def test_registration_of_a_killed_server_is_continued(folder, monkeypatch):
    scene = Scene(folder).wait()
    visitor, request = scene.visitor(), {"account": "alice", "item": "item0", "title": "Interrupted"}
    forgotten = []

    def die(journal: Journal) -> None:
        """Die after the first transaction is mined, before it is told."""
        forgotten.append(journal)
        raise SystemExit

    with monkeypatch.context() as context:
        context.setattr(Journal, "clear", die)
        job = visitor.post("register", 202, **request)["job"]
        while not forgotten:
            job = visitor.get(f"/jobs/{job['id']}")
    assert job["state"] == "running"
    scene.close()
    assert list(folder.rglob("transactions/*.json"))
    scene = Scene(folder).wait()
    assert not list(folder.rglob("transactions/*.json"))
    visitor = scene.visitor()
    assert visitor.register("item0", "alice", title="Interrupted") == 1
    client = scene.market.opened().client
    assert [len(client.events(name)) for name in ("Anchored", "Registered")] == [1, 1]
    assert len(read_ledger(scene.studio.settings.ledger, b"").lines) == 1
    scene.close()


def test_buyer_of_a_release_registers_the_work(scene, alice):
    at = addresses(alice)
    request = {"account": "alice", "item": "item0", "title": "Lazy", "offer": {"price": "0.2 ether", "editions": 2}}
    draft = alice.post("release", **request)
    assert json.loads(json.dumps(draft["typed_data"]))["message"]["offers"][0]["price"] == str(ETHER // 5)
    assert alice.get("/releases") == {"releases": []}
    other = scene.market.opened().client.demo_accounts["bob"].sign_typed_data(full_message=draft["typed_data"])
    forged = "0x" + bytes(other.signature).hex()
    alice.refused("release/signed", "wrong_signature", 400, release=draft["release"], signature=forged)
    alice.refused("release/signed", "no_such_release", 404, release="0" * 32)
    release = alice.post("release/signed", release=draft["release"])
    assert (release["work"], release["anchored"], release["creator"]) == (None, False, at.alice)
    document = alice.client.get(release["file"]).text
    before = balance(alice, "alice")
    job = alice.finish(alice.post("collect", 202, account="bob", release=release["id"])["job"])
    assert [event["name"] for event in job["result"]["events"]].count("Registered") == 1
    assert balance(alice, "alice") == before
    job = alice.finish(alice.post("collect", 202, account="carol", document=document)["job"])
    assert job["result"]["work"] == alice.get("/releases")["releases"][0]["work"] == 1
    assert [work["copies_sold"] for work in alice.get("")["works"]] == [2]
    job = alice.finish(alice.post("collect", 202, account="carol", document=document)["job"])
    assert job["error"]["code"] == "refused_NotForSale"
    changed = document.replace(at.alice.lower(), at.bob.lower())
    job = alice.finish(alice.post("collect", 202, account="carol", document=changed)["job"])
    assert job["error"]["code"].startswith("refused_")
    alice.refused("collect", "not_a_release", 400, account="bob", document="{}")
    alice.refused(
        "collect", "other_contract", 400, account="bob", document=document.replace(at_contract(alice), at.bob)
    )


def at_contract(visitor: Visitor) -> str:
    return visitor.get("/state")["contract"]


GOOD = {"account": "alice", "item": "item0", "title": "A"}
BAD_WISHES = [
    ("register", GOOD | {"title": ""}, 422, "invalid"),
    ("register", GOOD | {"title": " "}, 422, "invalid"),
    ("register", GOOD | {"title": "a\x00b"}, 422, "invalid"),
    ("register", GOOD | {"title": "x" * 201}, 422, "invalid"),
    ("register", GOOD | {"royalty": "101%"}, 422, "invalid"),
    ("register", GOOD | {"royalty": 5}, 422, "invalid"),
    ("register", GOOD | {"share": "1.234%"}, 422, "invalid"),
    ("register", GOOD | {"parts": list(range(1, 18))}, 422, "invalid"),
    ("register", GOOD | {"parts": [1, 1]}, 422, "invalid"),
    ("register", GOOD | {"parts": [7]}, 404, "no_such_work"),
    ("register", GOOD | {"payees": [{"account": "alice", "units": 0}]}, 422, "invalid"),
    ("register", GOOD | {"payees": [{"account": "mallory"}]}, 400, "unknown_account"),
    ("register", GOOD | {"account": "mallory"}, 400, "unknown_account"),
    ("register", GOOD | {"account": "0x" + "11" * 20}, 400, "unknown_account"),
    ("register", GOOD | {"item": "../../etc/passwd"}, 422, "invalid"),
    ("register", GOOD | {"item": "nothing"}, 404, "no_such_item"),
    ("register", GOOD | {"more": 1}, 422, "invalid"),
    ("register", GOOD | {"offer": {"price": "1 eth"}}, 422, "invalid"),
    ("register", GOOD | {"offer": {"price": "-1 ether"}}, 422, "invalid"),
    ("register", GOOD | {"offer": {"price": "0.5 wei"}}, 422, "invalid"),
    ("register", GOOD | {"offer": {"price": "1e30 ether"}}, 422, "invalid"),
    ("register", GOOD | {"offer": {"price": f"{2**96} wei"}}, 422, "invalid"),
    ("register", GOOD | {"offer": {"price": "0", "editions": 0}}, 422, "invalid"),
    ("register", GOOD | {"offer": {"price": "0", "editions": 2**32}}, 422, "invalid"),
    ("register", GOOD | {"offer": {"price": "0", "editions": True}}, 422, "invalid"),
    ("register", GOOD | {"offer": {"price": "0", "term": "1 month"}}, 422, "invalid"),
    ("register", GOOD | {"offer": {"price": "0", "hands": 70_000}}, 422, "invalid"),
    ("register", GOOD | {"offer": {"price": "0", "until": "1999-01-01"}}, 400, "past_time"),
    ("register", GOOD | {"offer": {"price": "0", "from": "2099-01-02", "until": "2099-01-01"}}, 422, "invalid"),
    ("register", GOOD | {"offer": {"price": "0", "licence": "x" * 12_001}}, 422, "invalid"),
    ("release", GOOD, 422, "invalid"),
    ("release", GOOD | {"offer": {"price": "0"}, "deadline": 5}, 400, "past_time"),
    ("collect", {"account": "bob"}, 422, "invalid"),
    ("collect", {"account": "bob", "work": 1, "release": "a"}, 422, "invalid"),
    ("collect", {"account": "bob", "work": 99}, 404, "no_such_work"),
    ("collect", {"account": "bob", "work": 2**53}, 422, "invalid"),
    ("collect", {"account": "bob", "work": "1"}, 422, "invalid"),
    ("collect", {"account": "bob", "release": "0" * 32}, 404, "no_such_release"),
    ("close", {"account": "alice", "work": 1, "offer": 5}, 404, "no_such_work"),
    ("list", {"account": "bob", "token": 99, "price": "1 ether"}, 409, "refused_ERC721NonexistentToken"),
    ("list", {"account": "bob", "token": 99}, 422, "invalid"),
    ("list", {"account": "bob", "token": 1, "price": "0"}, 422, "invalid"),
    ("buy", {"account": "bob", "token": 99, "number": 1}, 409, "refused_NotForSale"),
    ("buy", {"account": "bob", "token": 99, "number": -1}, 422, "invalid"),
    ("tip", {"account": "bob", "work": 1, "amount": "0"}, 422, "invalid"),
    ("withdraw", {"account": "bob"}, 409, "nothing_to_withdraw"),
    ("withdraw", {"account": ""}, 422, "invalid"),
    ("allow", {"account": "bob", "work": 3, "who": "carol"}, 404, "no_such_work"),
    ("revoke", {"account": "bob", "token": 3}, 409, "refused_Unauthorized"),
    ("sent", {"hash": "0x12"}, 422, "invalid"),
    ("nothing", {"account": "bob"}, 405, "method"),
]


def test_bad_wishes_are_refused_and_change_nothing(scene, alice):
    client = scene.market.opened().client
    block = client.block_number()
    for action, request, status, code in BAD_WISHES:
        answer = alice.client.post(f"/api/market/{action}", json=request)
        assert (answer.status_code, answer.json()["error"]["code"]) in ((status, code), (404, "not_found")), (
            action,
            request,
            answer.text,
        )
        assert "\n" not in answer.json()["error"]["message"]
    for path in (
        "/works/1",
        "/works/0",
        "/jobs/x",
        "/licences/" + "0" * 64,
        "/metadata/" + "0" * 64,
        "/releases/x/file",
    ):
        assert alice.get(path, 404)["error"]["code"].startswith("no_such_")
    for path in (
        "/works/x",
        "/works/-1",
        "/licences/0",
        "/sales?limit=0",
        "/transactions/0x12",
        f"/transactions/0x{'0' * 64}?wait=nan",
    ):
        assert alice.client.get(f"/api/market{path}").status_code in (404, 422)
    assert alice.get("/accounts/mallory", 400)["error"]["code"] == "unknown_account"
    assert client.block_number() == block
    assert not scene.studio.settings.ledger.exists()


def test_claims_need_an_identity(scene, alice, monkeypatch, tmp_path):
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "none"))
    job = alice.finish(alice.post("register", 202, **GOOD)["job"])
    assert (job["state"], job["error"]["code"]) == ("failed", "no_identity")


def test_older_claim_displaces_a_work(scene, alice):
    at, market = addresses(alice), scene.market.opened()
    artifact = scene.gallery.find("item0").artifact
    ledger, _ = claim_artifact(market, at.bob, artifact)
    bob = market.accounts.signer(at.bob)
    market.client.transact(bob, "anchor", bytes.fromhex(ledger.roots[-1].claim.root), ledger.roots[-1].claim.size)
    work = alice.register("item0", "alice", title="Copy", offer={"price": "1 wei"})
    alice.post("collect", account="carol", work=work)
    newer = alice.register("item0", "bob", title="Original")
    shown = alice.get(f"/works/{work}")
    assert (shown["void"], shown["displaced_by"], shown["copies"][0]["valid"]) == (True, newer, False)
    assert shown["offers"][0]["closed_because"] == "displaced"
    assert scene.market.work_of(artifact) == newer
    alice.refused("register", "part_displaced", account="alice", item="item1", title="Film", parts=[work])


def test_market_says_that_its_chain_is_being_opened(folder, monkeypatch):
    go = threading.Event()
    monkeypatch.setattr(
        "gan_lightning.studio.market.market.connect", lambda *_, **__: go.wait(20) and connect(*_, **__)
    )
    scene = Scene(folder)
    visitor = scene.visitor()
    assert visitor.client.get("/api/studio").json()["chain"] is None
    assert (visitor.get("/state")["state"], visitor.get("/state")["money"]) == ("starting", "play")
    assert visitor.get("", 503)["error"]["code"] == "chain_starting"
    assert scene.market.work_of("0" * 64) is None
    go.set()
    scene.wait()
    chain = visitor.client.get("/api/studio").json()["chain"]
    assert [one["name"] for one in chain["accounts"]] == ["alice", "bob", "carol"]
    scene.close()


def test_chain_that_cannot_be_used_is_explained(folder):
    path = folder / "studio" / "chain" / "chain.sqlite"
    path.write_bytes(b"not a database" * 100)
    for name in ("-wal", "-shm"):  # SQLite would restore the file
        path.with_name(path.name + name).unlink(missing_ok=True)
    scene = Scene(folder)
    visitor = scene.visitor()
    while visitor.get("/state")["state"] == "starting":
        time.sleep(0.05)
    error = visitor.get("", 503)["error"]
    assert (error["code"], "damaged" in error["values"]["reason"]) == ("chain_failed", True)
    scene.close()
