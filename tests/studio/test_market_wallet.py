"""The market on a node: the server prepares, and a wallet whose key it never has signs and sends."""

import time
from pathlib import Path

import pytest
from eth_account import Account
from web3 import Web3

from gan_lightning.chain import connect
from gan_lightning.provenance import identity
from tests.chain.conftest import ANVIL_KEYS, anvil  # noqa: F401  # a fixture
from tests.studio.market_kit import ETHER, Scene, Visitor


class Wallet:
    """Wallet in the browser of a visitor.

    Args:
        key: the private key.
        url: URL of the node.
        visitor: the visitor.
    """

    def __init__(self, key: str, url: str, visitor: Visitor) -> None:
        self._account = Account.from_key(key)
        self.address, self._visitor = self._account.address, visitor
        self._eth = Web3(Web3.HTTPProvider(url)).eth

    def send(self, transaction: dict) -> str:
        """Send a transaction as ``eth_sendTransaction`` does, and return its hash."""
        request = dict(transaction["request"])
        assert request.pop("from") == self.address
        fields = {
            "chainId": transaction["chain_id"],
            "nonce": self._eth.get_transaction_count(self.address),
            "maxFeePerGas": 10**11,
            "maxPriorityFeePerGas": 1,
        }
        signed = self._account.sign_transaction(request | fields)
        return Web3.to_hex(self._eth.send_raw_transaction(signed.raw_transaction))

    def act(self, action: str, **request) -> tuple[list[str], dict]:
        """Send all transactions of an action; return the names of its calls, and the last one as it was followed."""
        names: list[str] = []
        while True:
            answer = self._visitor.post(action, account=self.address, **request)
            (transaction,) = answer["transactions"]
            found = self._visitor.post("sent", hash=self.send(transaction), **work_of(request))
            found = self._visitor.get(f"/transactions/{found['hash']}", wait=10)
            assert found["state"] == "mined", found
            names.append(transaction["what"])
            if all(step["state"] != "next" for step in answer["steps"]):
                return names, found

    def sign(self, typed_data: dict) -> str:
        """Return the signature of ``eth_signTypedData_v4``."""
        return "0x" + bytes(self._account.sign_typed_data(full_message=typed_data).signature).hex()


def work_of(request: dict) -> dict:
    return {"work": request["work"]} if "work" in request else {}


@pytest.fixture
def node(anvil, monkeypatch, tmp_path):  # noqa: F811
    """Return the URL of a node, and the address of a contract that another program has deployed there."""
    url = anvil()
    with monkeypatch.context() as context:
        context.setenv("GAN_IDENTITY_DIR", str(tmp_path / "deployer"))
        client = connect(url)
        client.deploy(Account.from_key(ANVIL_KEYS[0]))
    return url, client.address


@pytest.mark.slow
def test_wallets_register_and_trade(node, tmp_path):
    url, contract = node
    identity.create("Jane Doe", "Example")
    scene = Scene(tmp_path, url, contract).wait()
    visitor = scene.visitor()
    seller, buyer = (Wallet(key, url, visitor) for key in ANVIL_KEYS)
    state = visitor.get("/state")
    assert (state["money"], state["embedded"], state["accounts"], state["contract"]) == ("real", False, [], contract)

    request = {"item": "item0", "title": "Seven", "offer": {"price": "0.1 ether", "editions": 2}, "royalty": "5%"}
    names, mined = seller.act("register", **request)
    assert (names, mined["work"]) == (["anchor", "register"], 1)
    assert f"work 1 is registered for {seller.address}" in mined["words"]
    result = visitor.post("register", account=seller.address, **request)["result"]
    assert (result["already"], result["work"]) == (True, 1)
    names, mined = buyer.act("collect", work=1)
    assert (names, mined["token"]) == (["collect"], 2)
    buyer.act("list", token=2, price="0.3 ether")
    visitor.refused("list", "refused_Unauthorized", account=seller.address, token=2, price="1 ether")
    visitor.refused("withdraw", "nothing_to_withdraw", account=buyer.address)
    (listing,) = visitor.get("")["listings"]
    seller.act("buy", token=2, number=listing["number"])
    assert visitor.get(f"/accounts/{buyer.address}")["owed"] == str(285 * ETHER // 1000)
    buyer.act("withdraw")
    assert visitor.get(f"/accounts/{buyer.address}")["owed"] == "0"
    seller.act("close", work=1, offer=0)
    assert visitor.get("")["works"][0]["offers"][0]["open"] is False
    visitor.refused("collect", "refused_NotForSale", account=buyer.address, work=1)
    poor = "0x" + "12" * 20
    visitor.refused("tip", "not_enough_ether", account=poor, work=1, amount="1 ether")
    unknown = visitor.get("/transactions/0x" + "ab" * 32)
    assert (unknown["state"], unknown["events"]) == ("unknown", [])
    scene.close()


@pytest.mark.slow
def test_wallet_signs_a_release_and_a_buyer_registers_it(node, tmp_path):
    url, contract = node
    identity.create("Jane Doe", "Example")
    scene = Scene(tmp_path, url, contract).wait()
    visitor = scene.visitor()
    creator, buyer = (Wallet(key, url, visitor) for key in ANVIL_KEYS)
    stranger = Account.create()
    payees = [{"account": "holder", "units": 3}, {"account": buyer.address, "units": 2}]
    draft = visitor.post(
        "release",
        account=stranger.address,
        item="item0",
        title="Lazy",
        offer={"price": "0.2 ether", "hands": 3, "term": "1d", "revocable": True, "licence": "Show it."},
        royalty="2.5%",
        payees=payees,
        deadline="2099-01-01",
    )
    signatures = [creator.sign(draft["typed_data"]), "0x" + "00" * 65, "0x" + "ff" * 65, None]
    for signature in signatures:
        visitor.refused("release/signed", "wrong_signature", 400, release=draft["release"], signature=signature)
    signature = "0x" + bytes(stranger.sign_typed_data(full_message=draft["typed_data"]).signature).hex()
    if signature.endswith(("1b", "1c")):  # as some wallets write it
        signature = signature[:-2] + f"{int(signature[-2:], 16) - 27:02x}"
    release = visitor.post("release/signed", release=draft["release"], signature=signature)
    assert (release["creator"], release["anchored"], release["work"]) == (stranger.address, False, None)

    file = Path(tmp_path, "release.json")
    file.write_text(visitor.client.get(release["file"]).text)
    names, mined = buyer.act("collect", document=file.read_text())
    assert (names, mined["work"], mined["token"]) == (["anchor", "collect"], 1, 2)
    (sale,) = visitor.get("/works/1")["sales"]
    assert {one["account"]: one["amount"] for one in sale["payments"]} == {
        stranger.address: str(120 * ETHER // 1000),
        buyer.address: str(80 * ETHER // 1000),
    }
    visitor.refused("collect", "refused_NotForSale", account=buyer.address, release=release["id"])
    assert visitor.get("/releases")["releases"][0]["work"] == 1
    scene.close()


@pytest.mark.slow
def test_node_that_is_away_is_waited_for(node, tmp_path):
    url, contract = node
    scene = Scene(tmp_path, "http://127.0.0.1:9", contract)
    visitor = scene.visitor()
    for _ in range(100):
        if message := visitor.get("/state")["message"]:
            break
        time.sleep(0.1)
    assert "no answer from the node" in message
    assert visitor.get("/state")["state"] == "starting"
    scene.market.place = url
    scene.wait().close()


def test_contract_that_is_missing_is_explained(node, tmp_path):
    url, _ = node
    scene = Scene(tmp_path, url.replace("://", "://me:secret@"), None)
    visitor = scene.visitor()
    while visitor.get("/state")["state"] == "starting":
        time.sleep(0.1)
    error = visitor.get("", 503)["error"]
    assert (error["code"], "--contract" in error["message"]) == ("chain_failed", True)
    assert "secret" not in visitor.client.get("/api/market/state").text + error["message"]
    scene.close()
