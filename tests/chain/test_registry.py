"""gan-verify --chain: files are looked up in the contract."""

import functools
import json
import re
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from gan_lightning.chain import connect
from gan_lightning.chain.account_statements import attest_account
from gan_lightning.chain.anchors import anchored_evidence
from gan_lightning.chain.artifacts import artifact_of
from gan_lightning.chain.claims import evidence, find_claims, new_claim
from gan_lightning.chain.works import Draft, Offer
from gan_lightning.commands import verify as gan_verify
from gan_lightning.provenance import identity, ledger
from gan_lightning.provenance.contents import Contents
from gan_lightning.provenance.records import Record

LEDGER = Path("ledger")
CONTENTS = Contents()
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"


@pytest.fixture
def jane(tmp_path, monkeypatch):
    """Return an identity; the working directory holds a file of each kind, without a signature."""
    monkeypatch.chdir(tmp_path)
    for index, name in enumerate(("a.png", "b.png")):
        Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) + index).save(name)
    Path("last.ckpt").write_bytes(b"weights")
    Path("notes.xyz").write_bytes(b"a file of no known modality")
    return identity.create("Jane Doe", "Example")


@pytest.fixture
def verify(jane, folder, called):
    """Return a function that runs gan-verify on the embedded chain, as verify("a.png")."""
    return functools.partial(called, gan_verify.main, "--chain", folder)


def claim(client, path, account, by, folder=LEDGER):
    """Add the claim of an account to a ledger, and return its index."""
    held = ledger.read_ledger(folder, by.root) if folder.exists() else None
    artifact = artifact_of(Path(path), CONTENTS)
    ledger.append(folder, by, [new_claim(held, account.address, artifact.digest, artifact.kind).line])
    return find_claims(ledger.read_ledger(folder, by.root), artifact.digest, account.address.lower())[-1]


def anchor(client, by, folder=LEDGER):
    root = ledger.read_ledger(folder, by.root).roots[-1].claim
    client.transact(client.demo_accounts["carol"], "anchor", bytes.fromhex(root.root), root.size)


def register(client, path, name, by, folder=LEDGER):
    """Claim a file for a demo account, anchor the ledger, register the work with an offer, and return its number."""
    account = client.demo_accounts[name]
    index = claim(client, path, account, by, folder)
    anchor(client, by, folder)
    proof = anchored_evidence(client, ledger.read_ledger(folder, by.root), index)
    receipt = client.transact(account, "register", proof, Draft(offers=[Offer(editions=5)]), b"")
    return receipt.first("Registered").arguments["work"]


def test_registered_file_of_a_trusted_account(verify, client, jane):
    work = register(client, "a.png", "alice", jane)
    alice, bob = client.demo_accounts["alice"].address, client.demo_accounts["bob"]
    for _ in range(2):
        client.transact(bob, "collect", work, 0, bob.address)
    code, said = verify("a.png", "--account", alice)
    assert code == 1  # only trusted files give 0
    expected = (
        rf"a.png: registered on chain: work {work} of {alice}, on record since {TIME}, not final before {TIME}, "
        rf"title held by {alice}, 2 valid copies, the account is trusted: --account"
    )
    assert re.fullmatch(expected, said), said
    client.transact(client.demo_accounts["alice"], "transferFrom", alice, bob.address, work)
    client.advance(31 * 86_400)
    said = verify("a.png", "--account", "alice")[1]
    assert re.search(f": registered on chain: .*, final since {TIME}, title held by {bob.address}, ", said), said


@pytest.mark.parametrize("name", ["last.ckpt", "notes.xyz"])
def test_files_without_a_modality_are_looked_up_by_their_bytes(verify, client, jane, name):
    register(client, name, "alice", jane)
    assert ": registered on chain: work 1 of " in verify(name, "--account", "alice")[1]
    with open(name, "ab") as file:
        file.write(b"more")
    assert f"{name}: unknown: " in verify(name, "--account", "alice")[1]


def test_unknown_account_is_a_remark(verify, client, jane):
    register(client, "a.png", "alice", jane)
    alice, bob = (client.demo_accounts[name].address for name in ("alice", "bob"))
    for options in ([], ["--account", bob]):
        code, said = verify("a.png", *options)
        assert code == 1
        assert said.startswith("a.png: unknown: it has no manifest, and no statement lies beside it; work 1 of ")
        assert said.endswith(f"{alice} is not trusted: give --account or --account-statement")


def test_changed_and_unregistered_files_are_unknown(verify, client, jane):
    register(client, "a.png", "alice", jane)
    with Image.open("a.png") as image:
        pixels = np.array(image)
    pixels[0, 0] += 1
    Image.fromarray(pixels).save("changed.png")
    for name in ("changed.png", "b.png"):
        expected = f"{name}: unknown: it has no manifest, and no statement lies beside it"
        assert verify(name, "--account", "alice") == (1, expected)


def test_unreadable_file_is_not_looked_up(verify, client, jane):
    register(client, "a.png", "alice", jane)
    Path("cut.png").write_bytes(Path("a.png").read_bytes()[:40])
    said = verify("cut.png", "--account", "alice")[1]
    assert re.match("cut.png: unknown: .*; not looked up on chain: cut.png: ", said), said


def test_json_output_holds_the_registration(verify, client, jane):
    register(client, "a.png", "alice", jane)
    found, other = json.loads(verify("a.png", "b.png", "--account", "alice", "--json")[1])
    assert (found["verdict"], found["registration"]["work"]) == ("registered on chain", 1)
    assert found["registration"]["creator"] == client.demo_accounts["alice"].address
    assert other["registration"] is None


def test_account_statements(verify, client, jane, tmp_path, identity_folder, monkeypatch):
    register(client, "a.png", "alice", jane)
    alice = client.demo_accounts["alice"]
    statement = attest_account(jane, alice, client.chain_id, Path("link.intoto.json"))
    said = verify("a.png", "--account-statement", statement)[1]
    assert ": registered on chain: work 1 of " in said
    assert said.endswith("the account is trusted: statement of Jane Doe, Example")
    Path("samples").mkdir()
    shutil.copy("a.png", "samples")
    shutil.copy(statement, "samples/alice.account.intoto.json")
    Path("samples/bob.account.intoto.json").write_text("{}")
    assert "samples/a.png: registered on chain: work 1 of " in verify("samples/a.png")[1]
    shutil.copy(identity_folder / "root.pem", "root.pem")
    # Another signer of the same name is not trusted.
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "forger"))
    forged = attest_account(identity.create("Jane Doe", "Example"), alice, client.chain_id, Path("f.intoto.json"))
    code, said = verify("a.png", "--account-statement", forged, "--trust-root", "root.pem")
    assert (code, "a.png: unknown: " in said) == (1, True)
    assert f"{alice.address} is not trusted: the statement of Jane Doe, Example: its certificate leads to" in said


def test_account_statement_for_another_chain_is_an_error(verify, client, jane):
    statement = attest_account(jane, client.demo_accounts["alice"], 1, Path("link.intoto.json"))
    expected = f"error: {statement}: is about chain 1, and --chain is chain {client.chain_id}"
    assert verify("a.png", "--account-statement", statement) == (2, expected)


def test_displaced_work_is_told(verify, client, jane):
    """Bob claims first and Alice registers his image; then he registers it himself."""
    bob = client.demo_accounts["bob"]
    index = claim(client, "a.png", bob, jane)
    anchor(client, jane)
    forged = register(client, "a.png", "alice", jane, Path("forgery"))
    proof = evidence(ledger.read_ledger(LEDGER, jane.root), index)
    client.transact(bob, "register", proof, Draft(), b"")
    said = verify("a.png", "--account", "bob")[1]
    assert f"a.png: registered on chain: work {forged + 1} of {bob.address}, " in said
    assert f"it displaced work {forged} of {client.demo_accounts['alice'].address}" in said
    assert said.count("displaced") == 1
    # Trust in the account of the displaced work gives no verdict.
    assert verify("a.png", "--account", "alice")[1].startswith("a.png: unknown: ")


def test_proof_is_computed_again_from_the_ledger(verify, client, jane):
    register(client, "b.png", "bob", jane)
    register(client, "a.png", "alice", jane)
    options = "a.png", "--account", "alice", "--ledger"
    assert "its proof was computed again from line 2 of the ledger" in verify(*options, LEDGER)[1]
    claim(client, "b.png", client.demo_accounts["alice"], jane, Path("other"))
    assert "the ledger does not hold its claim" in verify(*options, "other")[1]
    claim(client, "a.png", client.demo_accounts["alice"], jane, Path("other"))
    assert "line 2 of the ledger is its claim, but no root that covers it is anchored" in verify(*options, "other")[1]
    anchor(client, jane, Path("other"))
    assert "but line 2 of the ledger was anchored at another time, " in verify(*options, "other")[1]


def test_claim_that_is_only_anchored_gives_no_verdict(verify, client, jane):
    claim(client, "a.png", client.demo_accounts["alice"], jane)
    anchor(client, jane)
    assert verify("a.png", "--account", "alice", "--ledger", LEDGER)[1].startswith("a.png: unknown: ")


def test_stronger_verdicts_stay_and_are_extended(verify, client, jane):
    """A record in the ledger of a trusted signer comes before the registration."""
    content = artifact_of(Path("a.png"), CONTENTS).digest
    record = Record("c" * 64, "d" * 64, "ema", 0, 1, 0, None, "Images", content)
    ledger.append_records(LEDGER, jane, [record])
    register(client, "a.png", "alice", jane)
    said = verify("a.png", "--account", "alice", "--ledger", LEDGER)[1]
    assert said.startswith("a.png: stripped, but in the ledger: record 0, added by Jane Doe, Example, ")
    assert "; work 1 of " in said


def test_wrong_places_are_one_line(called, client, jane, folder, tmp_path):
    def verify(*arguments):
        return called(gan_verify.main, "a.png", *arguments)

    assert verify("--account", "alice") == (2, "error: --account: also needs --chain")
    code, said = verify("--chain", tmp_path / "nowhere")
    assert (code, said.startswith(f"error: --chain {tmp_path / 'nowhere'}: holds no chain")) == (2, True)
    code, said = verify("--chain", folder, "--account", "dave")
    assert (code, said.startswith("error: --account dave: no such account (there: alice, bob, carol)")) == (2, True)
    code, said = verify("--chain", folder, "--contract", client.demo_accounts["bob"].address)
    assert (code, "no contract at 0x" in said) == (2, True)
    code, said = verify("--chain", "http://127.0.0.1:9")
    assert (code, said.startswith("error: http://127.0.0.1:9: no answer from the node")) == (2, True)
    connect(tmp_path / "empty", create=True)
    code, said = verify("--chain", tmp_path / "empty")
    assert (code, "no contract there yet: gan-chain deploy" in said) == (2, True)


def test_node_that_stops_in_the_middle_is_an_error(called, jane):
    """The node says where the contract is and then stops to answer."""

    class Node(BaseHTTPRequestHandler):
        answers: ClassVar = {
            "eth_chainId": "0x7",
            "eth_getBlockByNumber": {"hash": f"0x{'1' * 64}"},
            "eth_getCode": "0x60",
        }

        def do_POST(self):
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if question["method"] not in self.answers:
                return  # closes the connection
            answer = {"jsonrpc": "2.0", "id": question["id"], "result": self.answers[question["method"]]}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Node) as server:
        threading.Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_port}"
        code, said = called(gan_verify.main, "a.png", "--chain", url, "--contract", f"0x{'2' * 40}")
        server.shutdown()
    assert (code, said) == (2, f"error: {url}: no answer from the node (ConnectionError): check the URL")


@pytest.mark.slow
def test_registered_file_on_a_real_node(anvil, rich, called, jane):
    url = anvil()
    client = connect(url)
    client.deploy(rich[0])
    index = claim(client, "a.png", rich[0], jane)
    root = ledger.read_ledger(LEDGER, jane.root).roots[-1].claim
    client.transact(rich[1], "anchor", bytes.fromhex(root.root), root.size)
    proof = anchored_evidence(client, ledger.read_ledger(LEDGER, jane.root), index)
    client.transact(rich[0], "register", proof, Draft(), b"")
    options = "--account", rich[0].address, "--ledger", LEDGER
    said = called(gan_verify.main, "a.png", "--chain", url, *options)[1]
    assert f"a.png: registered on chain: work 1 of {rich[0].address}, " in said
    assert "its proof was computed again from line 1 of the ledger" in said
