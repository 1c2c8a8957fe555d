"""gan-chain on a real node, with the key of a rich account in the environment."""

from pathlib import Path

from tests.chain.conftest import ANVIL_KEYS


def test_work_is_sold_on_a_node(market, anvil, rich, monkeypatch):
    url = anvil()
    seller, buyer = rich
    monkeypatch.setenv("GAN_CHAIN", url)
    monkeypatch.setenv("GAN_CHAIN_PRIVATE_KEY", ANVIL_KEYS[0])

    def do(*arguments):
        code, said = market.run(*arguments)
        assert code == 0, said
        assert "warning: GAN_CHAIN_PRIVATE_KEY is the key of" in said
        return said

    assert f" on {url}, chain 31337 (" in do("deploy")
    assert list(Path("identity/chains/31337").glob("chain.json"))
    market.assert_refused(f"{url}: uses the contract", "deploy", "--account", seller.address, "--dry-run")
    do("claim", "7.png", "--ledger", "sold")
    do("anchor", "sold")
    assert f"title held by {seller.address}" in do(
        "register", "7.png", "--ledger", "sold", "--price", "1 ether", "--max-fee", "100 gwei"
    )
    monkeypatch.setenv("GAN_CHAIN_PRIVATE_KEY", ANVIL_KEYS[1])
    assert f"copy 2 of work 1 for {buyer.address}, without an end" in do("collect", "7.png")
    market.assert_refused("all copies are sold", "collect", "7.png", "--account", buyer.address, "--dry-run")
    monkeypatch.delenv("GAN_CHAIN_PRIVATE_KEY")
    assert f"held by {buyer.address}" in market.say("show", 2)
    assert "0 not on the chain" in market.say("check", "sold")
    market.assert_refused("signing needs the key", "tip", 1, "1 wei", "--account", buyer.address)
