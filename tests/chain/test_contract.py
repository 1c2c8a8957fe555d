"""The contract's refusals in words, and typed data whose signature it accepts."""

from dataclasses import replace

import pytest
from web3.exceptions import ContractCustomError, ContractLogicError

from gan_lightning.chain.contract import REFUSALS, Refused, compiled, refusal_in
from gan_lightning.chain.works import NOBODY, Draft, Offer, Payee
from tests.chain.conftest import ETHER, digest, single_claim


def test_each_error_of_the_contract_has_a_sentence():
    errors = {one["name"] for one in compiled()["abi"] if one["type"] == "error"}
    unreachable = {"InvalidShortString", "StringTooLong", "StringsInsufficientHexLength"}  # only for names of contracts
    assert errors - unreachable <= REFUSALS.keys()
    for one in compiled()["abi"]:
        if one["type"] == "error" and one["name"] in REFUSALS:
            assert "{" not in REFUSALS[one["name"]].format(**{given["name"]: 7 for given in one["inputs"]})


def encode(name, *values):
    from eth_abi import abi
    from eth_utils.crypto import keccak

    (error,) = (one for one in compiled()["abi"] if one["type"] == "error" and one["name"] == name)
    kinds = [given["type"] for given in error["inputs"]]
    return keccak(text=f"{name}({','.join(kinds)})")[:4] + abi.encode(kinds, values)


@pytest.mark.parametrize("value", [0, 27, 39, 92, 10**18 + 39, 2**256 - 1, int.from_bytes(b"'\"\\\n" * 8, "big")])
def test_refusals_are_decoded_from_nodes_and_from_eth_tester(value):
    data = encode("WrongPrice", value)
    node = ContractCustomError(f"0x{data.hex()}", data=f"0x{data.hex()}")
    tester = Exception(f"execution reverted: {data!r}")
    for error in (node, tester):
        refusal = refusal_in(error)
        assert refusal is not None
        assert (refusal.name, str(refusal)) == (
            "WrongPrice",
            f"the contract refuses: the price is {value} wei: pay exactly that",
        )


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            ContractLogicError(
                "execution reverted", data="0x08c379a0" + "20".rjust(64, "0") + "1".rjust(64, "0") + "61".ljust(64, "0")
            ),
            "the contract refuses: a",
        ),
        (ContractLogicError("execution reverted", data="0x4e487b71" + "32".rjust(64, "0")), "panic 50"),
    ],
)
def test_errors_of_solidity_are_decoded(error, reason):
    assert reason in str(refusal_in(error))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no data"),
        ValueError("0x"),
        ValueError("0x12345678"),
        ValueError("b'abc'"),
        ContractLogicError("x", data="0x"),
    ],
)
def test_other_errors_are_no_refusals(error):
    assert refusal_in(error) is None


def test_release_is_registered_by_a_buyer(client):
    alice, bob = (client.demo_accounts[name] for name in ("alice", "bob"))
    claim = single_claim(alice.address, digest("lazy"))
    client.transact(alice, "anchor", claim.root, 1)
    licence = bytes.fromhex(digest("licence"))
    draft = Draft(
        metadata=bytes.fromhex(digest("json")),
        royalty=500,
        share=1000,
        payees=[Payee(alice.address, 2), Payee(NOBODY, 1)],
        offers=[
            Offer(price=ETHER, until=2**40, term=60, editions=2, hands=3, revocable=True, licence=licence),
            Offer(),
        ],
        deadline=client.now() + 3600,
    )
    signature = client.sign_release(alice, digest("lazy"), draft)
    call = (bob, "registerAndCollect", claim)
    for changed in (replace(draft, royalty=501), replace(draft, offers=draft.offers[:1])):
        with pytest.raises(Refused, match="may not do that") as caught:
            client.transact(*call, changed, signature, bob.address, value=ETHER)
        assert caught.value.name == "Unauthorized"
    receipt = client.transact(*call, draft, signature, bob.address, value=ETHER)
    sold = receipt.first("Sold").arguments
    assert (sold["seller"], sold["buyer"], sold["price"]) == (alice.address, bob.address, ETHER)
    assert client.read("ownerOf", sold["work"]) == alice.address
    assert client.read("ownerOf", sold["token"]) == bob.address
    assert client.read("owed", alice.address) == ETHER
    with pytest.raises(LookupError, match="has no event Withdrawn"):
        receipt.first("Withdrawn")


def test_expired_release_is_refused(client):
    alice, bob = (client.demo_accounts[name] for name in ("alice", "bob"))
    claim = single_claim(alice.address, digest("late"))
    client.transact(alice, "anchor", claim.root, 1)
    draft = Draft(deadline=client.now() + 100)
    signature = client.sign_release(alice, digest("late"), draft)
    client.cost(bob.address, "register", claim, draft, signature)
    client.advance(200)
    with pytest.raises(Refused, match="may not do that"):
        client.cost(bob.address, "register", claim, draft, signature)
