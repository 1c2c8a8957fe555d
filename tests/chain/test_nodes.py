"""A real node: the same gas as on the embedded chain, and a connection that is lost in the middle."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests
from eth_account import Account

from gan_lightning.chain import connect
from gan_lightning.chain.contract import Refused
from gan_lightning.chain.places import Unreachable
from gan_lightning.chain.works import NOBODY, Draft, Offer, Payee
from gan_lightning.errors import UserError
from tests.chain.conftest import ETHER, digest, single_claim

DROP_BEFORE, DROP_AFTER, PASS = "before", "after", "pass"


class Proxy(http.server.ThreadingHTTPServer):
    """HTTP proxy that drops connections in which a transaction is sent, before or after it has forwarded them."""

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.target, self.mode, self.sent = url, PASS, []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Proxy

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        question = json.loads(body)
        sends = isinstance(question, dict) and question["method"] == "eth_sendRawTransaction"
        if sends and self.server.mode == DROP_BEFORE:
            self.close_connection = True
            return
        answer = requests.post(self.server.target, data=body, headers={"Content-Type": "application/json"}, timeout=9)
        if sends:
            self.server.sent.append(question["params"][0])
            if self.server.mode == DROP_AFTER:
                self.close_connection = True
                return
        self.send_response(answer.status_code)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def proxy_to(url: str) -> Iterator[Proxy]:
    proxy = Proxy(url)
    thread = threading.Thread(target=proxy.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()


def trade(client, alice, bob):
    """Anchor, register, sell, resell and withdraw; return the gas of each transaction."""
    receipts = [client.deploy(alice)]
    claim = single_claim(alice.address, digest("x"))
    offers = [Offer(price=ETHER, editions=3, term=3600), Offer(hands=0, revocable=True)]
    draft = Draft(royalty=1000, payees=[Payee(alice.address, 2), Payee(NOBODY, 1)], offers=offers)

    def call(account, *arguments, value=0):
        receipts.append(client.transact(account, *arguments, value=value))
        return receipts[-1]

    call(alice, "anchor", claim.root, 1)
    work = call(alice, "register", claim, draft, b"").first("Registered").arguments["work"]
    call(alice, "allow", work, NOBODY, True)
    token = call(bob, "collect", work, 0, bob.address, value=ETHER).first("Sold").arguments["token"]
    number = call(bob, "list", token, 2 * ETHER).first("Listed").arguments["number"]
    call(alice, "buy", token, number, alice.address, value=2 * ETHER)
    call(bob, "tip", work, value=1000)
    licence = call(bob, "collect", work, 1, bob.address).first("Sold").arguments["token"]
    assert client.read("isValid", licence)
    call(alice, "revoke", licence)
    call(bob, "burn", licence)
    call(bob, "withdraw", alice.address)
    call(bob, "withdraw", bob.address)
    with pytest.raises(Refused, match="is registered already, as work 1"):
        client.transact(alice, "register", claim, draft, b"")
    with pytest.raises(Refused, match=f"the price is {ETHER} wei"):
        client.transact(bob, "collect", work, 0, bob.address, value=1)
    with pytest.raises(Refused, match="token 99 does not exist"):
        client.read("ownerOf", 99)
    assert len(client.events("Sold", work=work)) == 3
    client.advance(3601)
    receipts.append(client.transact(bob, "burn", token))  # its term is over
    assert receipts[-1].first("Transfer").arguments["to"] == NOBODY
    return [receipt.gas for receipt in receipts]


@pytest.mark.slow
def test_node_and_embedded_chain_use_equal_gas(anvil, rich, tmp_path):
    node = connect(anvil())
    embedded = connect(tmp_path / "chain", create=True)
    assert node.chain_id == 31337
    demo = embedded.demo_accounts
    # Zero bytes of addresses are cheaper: the same keys on both chains.
    for account in rich:
        embedded.pay(demo["carol"], account.address, 100 * ETHER)
    assert trade(node, *rich) == trade(embedded, *rich)


@pytest.mark.parametrize("mode", [DROP_BEFORE, DROP_AFTER])
def test_nothing_is_sent_twice_when_the_connection_is_lost(anvil, rich, mode):
    alice, bob = rich
    with proxy_to(anvil()) as proxy:

        def lose_connection(call):
            proxy.mode = mode
            with pytest.raises(Unreachable, match=r"whether 0x[0-9a-f]{64} was accepted is unknown: run the same"):
                call()
            proxy.mode = PASS

        client = connect(proxy.url, timeout=10)
        lose_connection(lambda: client.deploy(alice))
        client = connect(proxy.url, timeout=10)  # the command is run again
        assert client.address is None
        assert client.deploy(alice).contract == client.address

        x, y = (bytes.fromhex(digest(name)) for name in "xy")
        lose_connection(lambda: client.transact(alice, "anchor", x, 1))
        if mode == DROP_BEFORE:
            lose_connection(lambda: client.transact(alice, "anchor", x, 1))  # and again, while the node is away
        assert client.transact(alice, "anchor", x, 1).first("Anchored").arguments["root"] == x.hex()

        balance = client.balance(bob.address)
        lose_connection(lambda: client.pay(alice, bob.address, ETHER))
        client.transact(alice, "anchor", y, 1)  # another command finishes the payment first
        assert client.balance(bob.address) == balance + ETHER
        assert len(proxy.sent) == len(set(proxy.sent)) == 4
        assert client._place.web3.eth.get_transaction_count(alice.address) == 4


def test_transaction_that_was_replaced_is_told(anvil, rich):
    alice, bob = rich
    url = anvil()
    with proxy_to(url) as proxy:
        client = connect(proxy.url, timeout=10)
        proxy.mode = DROP_BEFORE
        with pytest.raises(Unreachable):
            client.pay(alice, bob.address, ETHER)
        proxy.mode = PASS
        other = connect(url, state=client._sender.folder / "wallet")  # another wallet with the same key
        other.pay(alice, bob.address, 1)
        with pytest.raises(UserError, match=f"another transaction of {alice.address} took its number 0: check"):
            client.pay(alice, bob.address, ETHER)
        before = client.balance(bob.address)
        client.pay(alice, bob.address, ETHER)  # the user decided that it is still needed
        assert client.balance(bob.address) == before + ETHER


def test_confirmations_are_waited_for(anvil, rich):
    alice, bob = rich
    url = anvil()
    client = connect(url, confirmations=3, timeout=0.5)
    before = client.balance(bob.address)
    with pytest.raises(UserError, match=r"is not final after 0\.5 s: run the same command again"):
        client.pay(alice, bob.address, 7)
    client.advance(1)
    client.advance(1)
    client.pay(alice, bob.address, 7)
    assert client.balance(bob.address) == before + 7


@pytest.mark.slow
def test_unmined_transaction_is_waited_for(anvil, rich):
    alice, bob = rich
    url = anvil("--no-mining")
    client = connect(url, timeout=0.5)
    before = client.balance(bob.address)
    for _ in range(3):
        with pytest.raises(UserError, match="is not final after"):
            client.pay(alice, bob.address, 7)
    client.advance(1)
    client.pay(alice, bob.address, 7)
    assert client.balance(bob.address) == before + 7


def test_unusable_nodes_are_told_in_one_line(anvil, rich, tmp_path, monkeypatch):
    alice, bob = rich
    url = anvil()
    client = connect(url)
    client.deploy(alice)

    def rejected(reason, call):
        with pytest.raises(UserError, match=reason) as caught:
            call()
        assert "\n" not in str(caught.value)

    poor = Account.from_key(b"\7" * 32)
    rejected("has 0 wei, and up to .* are needed: send it some", lambda: client.pay(poor, bob.address, 1))
    rejected("has 0 wei, and up to", lambda: client.transact(poor, "anchor", bytes(32), 1))
    rejected("--max-fee 1 wei: the network asks", lambda: connect(url, max_fee=1).pay(alice, bob.address, 1))
    rejected("no contract at 0x7", lambda: connect(url, contract=f"0x7{'0' * 39}"))
    rejected("must be an address", lambda: connect(url, contract="0x12"))
    rejected("--confirmations 0", lambda: connect(url, confirmations=0))
    rejected("no answer from the node", lambda: connect("http://127.0.0.1:9", timeout=2))
    rejected("must be a folder or a URL, http:// or https://", lambda: connect("ftp://127.0.0.1"))
    rejected("is about another chain with the number 31337", lambda: connect(anvil("--timestamp", "1700000000")))
    state = tmp_path / "identity" / "chains" / "31337"
    other = anvil("--chain-id", "5")
    rejected("is about chain 31337, and this is chain 5", lambda: connect(other, state=state))
    assert connect(other).address is None
    with http_status(503) as unavailable:
        rejected("HTTP status 503", lambda: connect(unavailable))
    limited = connect(url, max_fee=3 * 10**9)
    assert limited.cost(alice.address, "anchor", bytes(32), 1).max_fee <= 3 * 10**9


@contextmanager
def http_status(status: int) -> Iterator[str]:
    class Unavailable(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Unavailable) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
