"""Claims: their lines, their place in a ledger of the project, and their proofs on the contract."""

import json
from dataclasses import replace

import pytest

from gan_lightning.chain.anchors import anchored_evidence
from gan_lightning.chain.claims import Claim, evidence, evidence_of_lines, find_claims, new_claim, parse_claim
from gan_lightning.chain.contract import Refused
from gan_lightning.commands import ledger as gan_ledger
from gan_lightning.errors import UserError
from gan_lightning.provenance import identity
from gan_lightning.provenance.ledger import append, append_records, read_ledger
from gan_lightning.provenance.merkle import leaf_hash
from gan_lightning.provenance.proofs import prove_consistency, prove_inclusion
from gan_lightning.provenance.records import Record, parse_record
from tests.chain.conftest import digest

ALICE = "0x" + "a1" * 20


def record(name):
    return Record("c" * 64, "d" * 64, "ema", 0, 9, 0, None, "Images", digest(name))


def test_line_of_a_claim_is_canonical_and_read_back():
    claim = Claim(ALICE, digest("x"), "Images", digest("record"))
    assert claim.line == json.dumps(json.loads(claim.line), sort_keys=True, separators=(",", ":")).encode()
    assert claim.line.startswith(b'{"account":"' + ALICE.encode() + b'","artifact":"' + digest("x").encode() + b'"')
    assert parse_claim(claim.line) == claim
    assert parse_claim(Claim(ALICE, digest("x"), 'é"\\', None).line) == Claim(ALICE, digest("x"), 'é"\\', None)


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace(b'"kind"', b'"extra":1,"kind"'),
        lambda line: line[:-1] + b',"kind":"set"}',
        lambda line: line.replace(b"a1a1", b"A1a1", 1),
        lambda line: line.replace(b'"record":null', b'"record":7'),
        lambda line: line.replace(b",", b", ", 1),
        lambda line: line[:-1],
        lambda line: b"{}",
        lambda line: b"",
    ],
)
def test_other_lines_are_no_claims(change):
    line = Claim(ALICE, digest("x"), "file").line
    assert parse_claim(line) is not None
    assert parse_claim(change(line)) is None


def test_invalid_claims_have_no_line():
    with pytest.raises(UserError, match="must be an address: 0x and 40"):
        _ = Claim("0x12", digest("x"), "file").line
    with pytest.raises(ValueError, match="must be a SHA-256 digest"):
        _ = Claim(ALICE, "12", "file").line


@pytest.mark.slow
def test_contract_verifies_claims_of_ledgers_of_all_sizes(client):
    alice = client.demo_accounts["alice"]
    for size in range(1, 12):
        claims = [Claim(ALICE, digest((size, i)), "file", digest(i)) for i in range(size)]
        hashes = [leaf_hash(claim.line) for claim in claims]
        proofs = [evidence_of_lines(claim, hashes, i) for i, claim in enumerate(claims)]
        when = client.transact(alice, "anchor", proofs[0].root, size).time
        for proof in proofs:
            assert client.read("since", proof) == when
        last = proofs[-1]
        changed = [replace(last, claim=replace(last.claim, artifact=digest("y"))), replace(last, rest=last.rest + " ")]
        if size > 1:
            changed += [replace(last, path=last.path[:-1]), replace(last, lefts=last.lefts ^ 1)]
        for one in changed:
            with pytest.raises(Refused, match="no ledger that holds this claim was anchored"):
                client.read("since", one)


def test_evidence_of_another_claim_is_rejected():
    claims = [Claim(ALICE, digest(i), "file") for i in range(3)]
    with pytest.raises(UserError, match="not the claim"):
        evidence_of_lines(claims[0], [leaf_hash(claim.line) for claim in claims], 1)


def test_ledger_of_the_project_holds_claims(tmp_path, client, called):
    one, place = identity.create("Jane Doe", "Example"), tmp_path / "ledger"
    append_records(place, one, [record(name) for name in "abc"])
    before = read_ledger(place, one.root)
    claims = [new_claim(before, ALICE, digest(name), "Images") for name in "bx"]
    assert [claim.record for claim in claims] == [before.hashes[1].hex(), None]
    append(place, one, [claim.line for claim in claims])
    append_records(place, one, [record("d")])
    held = read_ledger(place, one.root)

    # Readers of records, as they were before there were claims.
    assert [parse_record(line) is None for line in held.lines] == [False, False, False, True, True, False]
    assert held.find(digest("b"))[0] == 1
    assert held.find(digest("x")) is None
    prove_inclusion(held, 5).verify(one.root)
    prove_consistency(held, before.roots[-1]).verify(one.root)
    code, said = called(gan_ledger.main, "check", place)
    assert (code, said.startswith("unchanged: 6 records, 3 roots")) == (0, True)

    # The contract: the claim counts from the earliest anchor of a root that covers it.
    index = find_claims(held, digest("b"))[0]
    assert (index, find_claims(held, digest("b"), "0x" + "b0" * 20), find_claims(held, digest("a"))) == (3, [], [])
    with pytest.raises(UserError, match="in no anchored root"):
        anchored_evidence(client, held, index)
    alice = client.demo_accounts["alice"]
    times = [client.transact(alice, "anchor", root.head[0], root.head[1]).time for root in reversed(held.roots)]
    assert client.read("since", evidence(held, index)) == times[0]
    assert client.read("since", evidence(held, index, held.roots[1].claim)) == times[1]
    assert anchored_evidence(client, held, index).size == 6
    for wrong, root in ((0, None), (index, held.roots[0].claim)):
        with pytest.raises(UserError, match="holds no claim that the root covers"):
            evidence(held, wrong, root)


def test_line_feed_is_rejected(tmp_path):
    one = identity.create("Jane Doe", "Example")
    with pytest.raises(ValueError, match="line feed"):
        append(tmp_path / "ledger", one, [b"{}\n{}"])
    assert not (tmp_path / "ledger").exists()
