"""Measure the gas of each function of the contract, and its time on an embedded chain.

    python -m scripts.contract.gas --page docs/chain.md        5 seconds

The accounts that are paid have received money before, unless the table says otherwise.
"""

import hashlib
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

from eth_tester import EthereumTester, PyEVMBackend

from gan_lightning.commands.entry import command
from gan_lightning.commands.options import Parser
from gan_lightning.runs.manifest import processor
from gan_lightning.tables import markdown
from scripts.benchmarks.pages import replace_part
from scripts.contract.evm import ACCOUNTS, ARTIFACT, ETHER, KEYS, NOBODY, START, Chain, Draft, Offer
from scripts.contract.release import sign

ADA, BOB, CYD, DAN, EVE = ACCOUNTS[:5]
NODES, SIGNER = ACCOUNTS[5:8], ACCOUNTS[8]


@command
def main() -> None:
    parser = Parser(description=__doc__)
    parser.add_argument("--page", type=Path, help="Markdown page to write the table into")
    arguments = parser.parse_args()
    rows = [{"call": name, "gas": f"{one.gas:,}", "ms": f"{one.milliseconds:.0f}"} for name, one in measure().items()]
    columns = ["call", "gas", "ms"]
    text = f"{markdown(columns, rows)}\n\n`python -m scripts.contract.gas`, one core of {processor()}.\n"
    print(text)
    if arguments.page:
        replace_part(arguments.page, "gas", text)


class Measured(NamedTuple):
    gas: int
    milliseconds: float  # to execute the transaction and create its block


class MeteredChain(Chain):
    """Chain of eth-tester, where each call is in a block of its own, with measurements of the calls that have a label.

    The gas of pyrevm is too low: it treats all calls as one transaction, which has read the storage before.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tester = EthereumTester(PyEVMBackend())  # has the accounts of KEYS
        self.chain_id = self.tester.backend.chain.chain_id
        self.tester.time_travel(START)
        bytecode = json.loads(ARTIFACT.read_text(encoding="utf-8"))["bytecode"]
        self.measured: dict[str, Measured] = {}
        self.address = self._send({"from": ACCOUNTS[0], "data": bytecode}, "deploy")["contract_address"]

    def call(self, name: str, *arguments: Any, sender: str = ACCOUNTS[0], value: int = 0, label: str = "") -> Any:
        data = self.encode(name, arguments)
        transaction = {"from": sender, "to": self.address, "value": value, "data": "0x" + data.hex()}
        output = self.tester.call(transaction)
        self._send(transaction, label)
        return self.decode(name, bytes.fromhex(output[2:]))

    def wait(self, seconds: int) -> None:
        self.now = self.tester.get_block_by_number("latest")["timestamp"] + seconds
        self.tester.time_travel(self.now)
        self.tester.mine_block()

    def _send(self, transaction: dict[str, Any], label: str) -> dict[str, Any]:
        start = time.perf_counter()
        sent = self.tester.send_transaction({"gas": 10_000_000, "gas_price": 10**10, **transaction})
        receipt = self.tester.get_transaction_receipt(sent)
        assert receipt["status"] == 1, transaction
        if label:
            self.measured[label] = Measured(receipt["gas_used"], 1000 * (time.perf_counter() - start))
        return receipt


def measure() -> dict[str, Measured]:
    """Return the measurements of each kind of call."""
    chain = MeteredChain()
    chain.call("anchor", sha("root"), 1000, sender=ADA, label="anchor, any number of lines")

    # Registrations of a ledger's only line, and of one of 1,000 lines.
    claim = chain.claim(ADA, sha("plain"))
    chain.call("register", claim, Draft(), b"", sender=ADA, label="register, 1 payee")
    offer = Offer(price=ETHER, editions=9)
    draft = Draft(sha("json"), payees=[(ADA, 70), (BOB, 30)], offers=[offer])
    claim = chain.claim(ADA, sha("image"), size=1000, index=637)
    image = chain.call("register", claim, draft, b"", sender=ADA, label="register, 2 payees, 1 offer, line of 1,000")
    film = register_film(chain)
    claim, older = chain.claim(ADA, sha("forged")), chain.publish(EVE, sha("forged"))
    chain.call("register", claim, Draft(), b"", sender=ADA, label="register, displacing a forgery")
    chain.call("burn", older, sender=BOB)

    # Sales of copies.
    chain.call("collect", image, 0, CYD, sender=CYD, value=ETHER, label="collect, 2 payees paid for the first time")
    copy = chain.call("collect", image, 0, CYD, sender=CYD, value=ETHER, label="collect, 2 payees")
    chain.call("collect", film, 0, DAN, sender=DAN, value=ETHER)
    chain.call("collect", film, 0, DAN, sender=DAN, value=ETHER, label="collect, film of 2 parts, 6 accounts")
    gift = chain.publish(ADA, sha("gift"), Draft(offers=[Offer(editions=9, hands=2, term=60, revocable=True)]))
    present = chain.call("collect", gift, 0, BOB, sender=BOB, label="collect, gift")
    chain.call("tip", image, sender=DAN, value=1000, label="tip, 2 payees")

    # Resale and withdrawal.
    chain.call("list", copy, ETHER, sender=CYD, label="list")
    number = chain.call("listings", copy)[1]
    chain.call("buy", copy, number, DAN, sender=DAN, value=ETHER, label="buy, royalty to 2 payees")
    chain.call("withdraw", ADA, sender=ADA, label="withdraw")

    # Offers and permissions.
    chain.call("offer", image, offer, sender=ADA, label="offer")
    chain.call("close", image, 1, sender=ADA, label="close")
    chain.call("allow", image, CYD, True, sender=ADA, label="allow")

    # Transfers and ends.
    chain.call("transferFrom", DAN, BOB, copy, sender=DAN, label="transfer, title or unlimited copy")
    chain.call("transferFrom", BOB, CYD, present, sender=BOB, label="transfer, limited copy")
    chain.call("transferFrom", CYD, DAN, present, sender=CYD, label="transfer, last of a limited copy")
    chain.call("revoke", present, sender=ADA, label="revoke")
    chain.wait(1)
    chain.call("burn", present, sender=BOB, label="burn")

    # A signed release.
    claim = chain.claim(SIGNER, sha("signed"))
    draft = Draft(offers=[offer])
    signature = sign(KEYS[8], chain.chain_id, chain.address, claim.artifact, draft)
    chain.call(
        "registerAndCollect",
        claim,
        draft,
        signature,
        DAN,
        sender=DAN,
        value=ETHER,
        label="registerAndCollect, signed release",
    )
    return chain.measured


def register_film(chain: MeteredChain) -> int:
    """Register a film of an image and a piece of music; the image was made by a model with three contributors."""
    nodes = [(node, units) for node, units in zip(NODES, (6, 3, 1), strict=True)]
    model = chain.publish(DAN, sha("model"), Draft(share=1000, payees=nodes))
    chain.call("allow", model, NOBODY, True, sender=DAN)
    image = chain.publish(ADA, sha("scene"), Draft(share=4000, parts=[model]))
    music = chain.publish(BOB, sha("music"), Draft(share=3000))
    for part, holder in ((image, ADA), (music, BOB)):
        chain.call("allow", part, CYD, True, sender=holder)
    claim = chain.claim(CYD, sha("film"))
    draft = Draft(parts=[image, music], offers=[Offer(price=ETHER, editions=9)])
    return int(chain.call("register", claim, draft, b"", sender=CYD, label="register, film of 2 parts, 1 offer"))


def sha(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


if __name__ == "__main__":
    main()
