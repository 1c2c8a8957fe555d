"""Events of the contract in a file: read once, and again after what was lost or replaced."""

import pytest

from gan_lightning.chain import connect
from gan_lightning.chain.client import Client
from gan_lightning.chain.history import History
from gan_lightning.chain.sales import read_sales
from gan_lightning.chain.views import read_work
from gan_lightning.chain.works import Draft, Offer
from tests.chain.conftest import ETHER, digest, single_claim


@pytest.fixture
def traded(client: Client) -> Client:
    """Client of a chain on which a copy was sold, resold and its work tipped."""
    alice, bob, carol = client.demo_accounts.values()
    claim = single_claim(alice.address, digest("x"))
    client.transact(alice, "anchor", claim.root, 1)
    client.transact(alice, "register", claim, Draft(royalty=1000, offers=[Offer(price=ETHER)]), b"")
    client.transact(bob, "collect", 1, 0, bob.address, value=ETHER)
    client.transact(bob, "list", 2, 2 * ETHER)
    client.transact(carol, "buy", 2, 1, carol.address, value=2 * ETHER)
    client.transact(carol, "tip", 1, value=7)
    return client


def test_each_block_is_read_once(traded, tmp_path, monkeypatch):
    path = tmp_path / "events.jsonl"
    history = History(traded, path)
    assert [event.name for event in history.refresh()].count("Sold") == 2
    assert {event.time for event in history.events} == {traded.block_time(event.block) for event in history.events}
    asked = []
    between = traded.logs.between
    monkeypatch.setattr(traded.logs, "between", lambda *blocks: asked.append(blocks) or between(*blocks))
    again = History(traded, path)
    assert (again.events, list(again.refresh())) == (history.events, [])
    traded.transact(traded.demo_accounts["bob"], "tip", 1, value=1)
    assert [event.name for event in again.refresh()] == ["Tipped", "Credited"]
    assert asked == [(again.block, again.block)]


def test_lost_lines_and_other_chains_are_read_again(traded, tmp_path):
    path = tmp_path / "events.jsonl"
    history = History(traded, path)
    history.refresh()
    content = path.read_text()
    lines = content.splitlines(keepends=True)
    for damaged in (content[:-5], "".join(lines[:-1]), "".join(lines[1:]), "", "[]\n", '{"version": 0}\n'):
        path.write_text(damaged)
        again = History(traded, path)
        again.refresh()
        assert again.events == history.events
        assert History(traded, path).events == history.events
    other = connect(tmp_path / "other", create=True)
    other.deploy(other.demo_accounts["alice"])
    assert History(other, path).events == []


def test_replaced_blocks_are_read_again(traded, tmp_path):
    history = History(traded, tmp_path / "events.jsonl")
    history.refresh()
    events, history._hash = history.events, "0x00"
    assert history.refresh() is None
    assert history.events == events


def test_sales_tell_who_was_paid(traded, tmp_path):
    alice, bob, carol = (account.address for account in traded.demo_accounts.values())
    history = History(traded, tmp_path / "events.jsonl")
    history.refresh()
    sales = read_sales(history.events, set())
    assert [(sale.kind, sale.seller, sale.buyer, sale.price) for sale in sales] == [
        ("copy", alice, bob, ETHER),
        ("resale", bob, carol, 2 * ETHER),
        ("tip", None, carol, 7),
    ]
    assert [[(one.account, one.amount) for one in sale.payments] for sale in sales] == [
        [(alice, ETHER)],
        [(alice, ETHER // 5), (bob, 2 * ETHER - ETHER // 5)],
        [(alice, 7)],
    ]


def test_work_whose_unsold_offer_was_closed_can_be_read(traded):
    alice = traded.demo_accounts["alice"]
    # The contract takes these terms, which the client would not make.
    terms = (1, 20, 10, 0, 5, 0, False, bytes(32))
    traded.transact(alice, "offer", 1, terms)
    traded.transact(alice, "close", 1, 1)
    work = read_work(traded, 1)
    assert (work.offers[1].editions, work.offers[1].start, work.offers[1].until) == (0, 20, 10)
    assert work.offers[1].as_tuple() == (*terms[:4], 0, *terms[5:])


def test_file_that_cannot_be_written_is_no_error(traded, tmp_path):
    path = tmp_path / "folder" / "events.jsonl"
    (tmp_path / "folder").touch()
    history = History(traded, path)
    history.refresh()
    (tmp_path / "folder").unlink()
    traded.transact(traded.demo_accounts["bob"], "tip", 1, value=1)
    history.refresh()
    assert History(traded, path).events == history.events
