"""Scenes of a market, by the commands: prints, rentals, resale, joint works, forgeries, models, sets, lazy releases."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_lightning.chain import connect
from gan_lightning.commands import identity as gan_identity
from gan_lightning.commands import statement as gan_statement
from tests.chain.conftest import ETHER
from tests.conftest import FAST

DAY = 86_400


def accounts():
    """Return the addresses of the demo accounts."""
    return [account.address for account in connect("chain").demo_accounts.values()]


def in_ether(credited):
    return {account: int(amount) / ETHER for account, amount in credited.items()}


def test_print_is_sold_and_ends_with_its_term(market):
    alice, bob, carol = accounts()
    registered = market.do(
        *["register", "7.png", "--ledger", "ledger", "--account", "alice", "--royalty", "5%"],
        *["--price", "0.1 ether", "--editions", 2, "--term", "1d", "--name", "Seven", "--description", "A digit"],
    )
    assert registered["work"] == 1
    metadata = json.loads(Path(registered["metadata"]).read_text())
    assert (metadata["name"], metadata["description"]) == ("Seven", "A digit")
    assert metadata["image"].startswith("ipfs://bafkrei")
    bought = market.do("collect", "7.png", "--account", "bob")
    assert (bought["copy"], bought["holder"], bought["price"]) == (2, bob, str(ETHER // 10))
    assert in_ether(bought["credited"]) == {alice: 0.1}
    assert market.do("collect", "1:0", "--account", "bob", "--to", "carol")["holder"] == carol
    market.assert_refused("offer 0 of work 1: all copies are sold", "collect", 1, "--account", "carol")
    said = market.say("show", 1)
    assert "offer 0: 0.1 ether, for 1 d; 2 of 2 sold" in said
    assert f"copy 2 of work 1: held by {bob} (bob), valid, until" in said
    market.wait(DAY)
    code, said = market.run("show", 2)
    assert (code, ", not valid, until " in said) == (1, True)
    market.do("burn", 2, "--account", "carol")  # not its holder
    assert market.run("show", 2) == (1, "copy 2 of work 1: destroyed")
    assert market.do("show", "carol")["copies"][0]["token"] == 3


def test_copy_ends_a_term_after_its_last_hands(market):
    work = market.register("7.png", "alice", "--price", "0", "--hands", 2, "--term", "1d")
    copy = market.do("collect", work, "--account", "bob")["copy"]
    for seller, buyer, left in (("bob", "carol", 1), ("carol", "bob", 0)):
        market.wait(30 * DAY)  # its term has not started
        market.do("list", copy, "--price", "1 ether", "--account", seller)
        market.do("buy", copy, "--account", buyer)
        code, said = market.run("show", copy)
        assert (code, f"{left} hands left" in said) == (0, True)
    market.assert_refused("cannot be moved or sold", "list", copy, "--price", "1 ether", "--account", "bob")
    market.wait(DAY)
    assert market.run("show", copy)[0] == 1


def test_resale_pays_the_royalty(market):
    alice, bob, carol = accounts()
    work = market.register("7.png", "alice", "--royalty", "10%", "--payee", "holder:70", "--payee", "carol:30")
    market.do("offer", work, "--price", "1 ether", "--account", "alice")
    copy = market.do("collect", work, "--account", "bob")["copy"]
    listed = market.do("list", copy, "--price", "2 ether", "--account", "bob")["number"]
    market.do("list", copy, "--price", "2 ether", "--account", "bob")
    market.assert_refused(
        f"token {copy} is listed as {listed + 1} now", "buy", copy, "--number", listed, "--account", "carol"
    )
    said = market.say("buy", copy, "--number", listed + 1, "--account", "carol")
    assert f"listed for 2 ether as number {listed + 1}: up to " in said
    assert "pays 2 ether" in said
    earned = market.do("show", work)["work"]["credited"]
    assert in_ether(earned) == pytest.approx({alice: 0.7 + 0.14, carol: 0.3 + 0.06, bob: 1.8})
    assert market.do("show", "bob")["sales"][0]["price"] == str(2 * ETHER)
    before = connect("chain").balance(alice)
    assert market.do("withdraw", "alice", "--account", "bob") == {"paid_to": alice, "amount": str(84 * ETHER // 100)}
    assert connect("chain").balance(alice) - before == 84 * ETHER // 100
    assert "has nothing to withdraw" in market.say("withdraw", "--account", "alice")


@pytest.mark.slow
def test_title_is_sold_with_the_right_to_offer(market):
    work = market.register("7.png", "alice")
    number = market.do("list", "7.png", "--price", "5 ether", "--account", "alice")["number"]
    assert f"for sale for 5 ether as number {number}" in market.say("show", work)
    market.do("list", work, "--no", "--account", "alice")
    market.assert_refused(f"token {work}: is not for sale", "buy", work, "--account", "bob")
    market.do("list", work, "--price", "5 ether", "--account", "alice")
    market.do("buy", "7.png", "--account", "bob")
    assert market.do("show", "bob")["titles"] == [work]
    market.assert_refused("this account may not do that", "offer", work, "--price", "0", "--account", "alice")
    offer = market.do("offer", work, "--price", "0", "--editions", "any", "--revocable", "--account", "bob")["offer"]
    copy = market.do("collect", work, "--account", "carol")["copy"]
    market.assert_refused("this account may not do that", "revoke", copy, "--account", "alice")
    market.do("revoke", copy, "--account", "bob")
    assert market.run("show", copy)[0] == 1
    market.do("close", work, offer, "--account", "bob")
    market.assert_refused("all copies are sold, or it was closed", "collect", work, "--account", "carol")


def test_film_pays_its_parts_and_its_music_is_rented_alone(market):
    alice, bob, carol = accounts()
    song = market.register("song.bin", "bob", "--share", "30%")
    photo = market.register("photo.bin", "carol", "--share", "30%")
    film = ["register", "film.bin", "--ledger", "ledger", "--account", "alice", "--part", "song.bin", "--part", photo]
    market.assert_refused(f"--part {song}: {bob}, who holds its title, has not allowed it", *film)
    market.do("allow", song, "alice", "--account", "bob")
    market.do("allow", photo, "everybody", "--account", "carol")
    film = market.do(*film, "--price", "1 ether", "--editions", "any")["work"]
    assert in_ether(market.do("collect", film, "--account", "bob")["credited"]) == {bob: 0.3, carol: 0.3, alice: 0.4}
    assert in_ether(market.do("tip", "film.bin", "0.1 ether", "--account", "bob")["credited"]) == pytest.approx(
        {bob: 0.03, carol: 0.03, alice: 0.04}
    )
    assert f"made of works {song}, {photo}" in market.say("show", film)
    Path("licence.txt").write_text("Play it at home.\n")
    rental = ["--price", "0.01 ether", "--editions", "any", "--term", "24h", "--hands", 0, "--licence", "licence.txt"]
    market.do("offer", song, *rental, "--account", "bob")
    copy = market.do("collect", song, "--account", "carol")["copy"]
    assert "(23 h 59 min left), 0 hands left" in market.say("show", copy)
    market.assert_refused("stays with its holder", "list", copy, "--price", "1 ether", "--account", "carol")
    market.do("allow", song, "alice", "--no", "--account", "bob")
    market.wait(DAY)
    assert market.run("show", copy)[0] == 1


@pytest.mark.slow
def test_older_claim_displaces_a_forgery(market):
    for arguments in (["claim", "7.png", "--ledger", "forged"], ["anchor", "forged"]):
        market.do(*arguments, "--account", "bob")
    offered = ["--price", "1 ether", "--editions", 5]
    forged = market.do("register", "7.png", "--ledger", "forged", "--account", "bob", *offered)["work"]
    copy = market.do("collect", forged, "--account", "carol")["copy"]
    work = market.register("7.png", "alice", *offered)
    for token in (forged, copy):
        assert market.run("show", token)[0] == 1
    assert f"displaced by an older claim: work {work}" in market.run("show", forged)[1]
    market.assert_refused("displaced by an older claim", "collect", forged, "--account", "carol")
    market.assert_refused(
        "is registered already, as work", *["register", "7.png", "--ledger", "forged", "--account", "bob"]
    )
    market.do("burn", copy, "--account", "alice")
    assert market.do("show", "7.png")["work"]["number"] == work


@pytest.mark.slow
def test_contributors_to_a_model_are_paid_by_units(market, called, trained_once, monkeypatch):
    alice, bob, carol = accounts()
    trained_once("contributed", *FAST, "max_iterations=1", "hydra.run.dir=run")
    checkpoint, roots = Path("run/checkpoints/last.ckpt"), []
    for name, units in (("bob", 3), ("carol", 1)):
        with monkeypatch.context() as context:
            context.setenv("GAN_IDENTITY_DIR", f"id_{name}")
            called(gan_identity.main, "init", "--name", name, "--organization", "Example")
            called(gan_identity.main, "export", "--output", f"{name}.pem")
            refused = called(gan_statement.main, "contribution", "run", "--compute", "an hour", "--units", 0)
            assert refused == (2, "error: --units 0: must be at least 1")
            given = ["--compute", "an hour", *(["--units", units] if units > 1 else [])]
            code, said = called(gan_statement.main, "contribution", "run", *given)
            assert code == 0, said
            if name == "bob":
                market.do("account", "link", name, "--output", "run/checkpoints/bob.account.intoto.json")
            else:
                market.do("account", "link", name)
        roots += ["--trust-root", f"{name}.pem"]
    market.do("claim", checkpoint, "--ledger", "ledger", "--account", "alice")
    market.do("anchor", "ledger", "--account", "alice")
    register = ["register", checkpoint, "--ledger", "ledger", "--account", "alice", "--run", "run", "--share", "10%"]
    market.assert_refused("trust their root by --trust-root", *register)
    market.assert_refused("1 of 2 contributors have no account on chain", *register, *roots)
    shutil.move("carol.account.intoto.json", "run/checkpoints")
    model = market.do(*register, *roots)["work"]
    assert in_ether(market.do("tip", model, "4 ether", "--account", "alice")["credited"]) == {bob: 3, carol: 1}
    market.do("allow", model, "everybody", "--account", "alice")
    image = market.register("7.png", "alice", "--part", model, "--price", "1 ether")
    sold = market.do("collect", image, "--account", "bob")
    assert in_ether(sold["credited"]) == {bob: 0.075, carol: 0.025, alice: 0.9}
    checkpoint.write_bytes(b"trained on")
    market.assert_refused(
        "is not about run/checkpoints/last.ckpt as it is now", *["register", "film.bin", *register[2:], *roots]
    )


def test_set_is_one_work_and_each_member_is_shown(market):
    Path("samples").mkdir()
    for i in range(3):
        Image.fromarray(np.full((8, 8), i, np.uint8)).save(f"samples/{i}.png")
    market.do("claim", "samples", "--ledger", "ledger", "--account", "alice")
    market.do("anchor", "ledger", "--account", "alice")
    work = market.register("samples", "alice")
    shown = market.do("show", "samples/1.png", "--set", "samples")
    assert (shown["work"]["number"], shown["membership"]["index"], shown["membership"]["size"]) == (work, 1, 3)
    assert market.run("show", "samples/1.png")[0] == 1  # not registered alone
    market.assert_refused("holds no file with this content", "show", "7.png", "--set", "samples")


def test_signed_release_is_registered_by_its_first_buyer(market):
    alice, bob, _ = accounts()
    market.do("claim", "7.png", "--ledger", "later", "--account", "alice")
    before = connect("chain").balance(alice)
    sign = ["register", "7.png", "--ledger", "later", "--account", "alice", "--sign", "release.json"]
    market.assert_refused("--sign: needs an offer", *sign)
    signed = market.do(*sign, "--price", "0.5 ether", "--editions", 3, "--deadline", "2100-01-01")
    assert (signed["anchored"], connect("chain").balance(alice)) == (False, before)
    market.assert_refused("anchor the newest root", "collect", "release.json", "--account", "bob")
    market.do("anchor", "release.json", "--account", "bob")
    bought = market.do("collect", "release.json", "--account", "bob")
    assert (bought["work"], bought["copy"], bought["holder"]) == (1, 2, bob)
    assert market.do("show", 1)["work"]["creator"] == alice
    said = market.say("collect", "release.json", "--account", "carol")  # somebody has registered it
    assert "copy 3 of work 1" in said
    market.do("close", 1, 0, "--account", "alice")
    market.assert_refused("work 1 has no such offer (any more)", "collect", "release.json", "--account", "carol")
    release = json.loads(Path("release.json").read_text())
    Path("release.json").write_text(json.dumps(release | {"chain_id": 1}))
    market.assert_refused("check --chain and --contract", "collect", "release.json", "--account", "carol")
    Path("release.json").write_text(json.dumps({"type": release["type"]}))
    market.assert_refused("is no complete release", "collect", "release.json", "--account", "carol")


def test_check_compares_roots_with_the_chain(market):
    said = market.say("check", "ledger")
    assert said.count("not anchored itself; its records existed by") == 2  # two earlier roots
    assert "4 claims, 0 not on the chain" in said
    Path("new.bin").write_bytes(b"new")
    market.do("claim", "new.bin", "--ledger", "ledger", "--account", "alice")
    code, said = market.run("check", "ledger")
    assert (code, "5 claims, 1 not on the chain: gan-chain anchor" in said) == (1, True)
    assert market.run("check", "new.bin")[0] == 1
    market.do("anchor", "new.bin", "--account", "alice")
    assert "on the chain since 20" in market.say("check", "new.bin")
    lines = Path("ledger/records.jsonl").read_bytes()
    Path("ledger/records.jsonl").write_bytes(lines.replace(b'"kind":"file"', b'"kind":"text"'))
    assert market.run("check", "ledger")[0] == 1


def test_claims_that_are_there_are_not_repeated(market):
    again = market.do("claim", "7.png", "film.bin", "--ledger", "ledger", "--account", "alice")
    assert [one["added"] for one in again["claims"]] == [False, False]
    assert again["size"] == 4
    said = market.say("claim", "7.png", "--ledger", "ledger", "--account", "bob")
    assert "; 1 other accounts claim it too" in said
    assert "is on the chain already" not in market.say("anchor", "ledger", "--account", "bob")
    assert "is on the chain already, since 20" in market.say("anchor", "ledger", "--account", "bob")


def test_offer_ends_at_its_date(market):
    until = datetime.fromtimestamp(connect("chain").now() + DAY, UTC).isoformat()
    work = market.register("7.png", "alice", "--price", "0", "--editions", "any", "--until", until)
    copy = market.do("collect", work, "--account", "bob")["copy"]
    market.wait(DAY)
    market.assert_refused(f"offer 0 of work {work}: ended on 20", "collect", work, "--account", "bob")
    assert market.run("show", copy)[0] == 1
