"""Merkle trees against the vectors of Certificate Transparency and the definitions of RFC 6962."""

import hashlib

import pytest

from gan_lightning.provenance import merkle
from gan_lightning.provenance.merkle import Tree, leaf_hash

# https://github.com/google/certificate-transparency, merkletree/merkle_tree_test.cc
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SIZES = [*range(1, 18), 31, 32, 33, 63, 64, 65]


def hashes(size):
    return [leaf_hash(str(i).encode()) for i in range(size)]


def test_roots_match_certificate_transparency():
    tree = Tree()
    for leaf, root in zip([None, *LEAVES], ROOTS, strict=True):
        if leaf is not None:
            tree.add(leaf_hash(bytes.fromhex(leaf)))
        assert tree.root.hex() == root


def as_the_rfc_says(leaves):
    """Return the root by the recursive definition of RFC 6962, section 2.1."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + as_the_rfc_says(leaves[:k]) + as_the_rfc_says(leaves[k:])).digest()


@pytest.mark.parametrize("size", SIZES)
def test_root(size):
    assert Tree(hashes(size)).root == as_the_rfc_says([str(i).encode() for i in range(size)])


def variations(proof):
    """Return invalid variations of a proof."""
    for i, one in enumerate(proof):
        yield [*proof[:i], bytes([one[0] ^ 1]) + one[1:], *proof[i + 1 :]]
        yield [*proof[:i], *proof[i + 1 :]]
    yield [*proof, bytes(32)]
    if proof:
        yield []


@pytest.mark.parametrize("size", SIZES)
def test_inclusion(size):
    leaves = hashes(size)
    root = Tree(leaves).root
    for index in range(size):
        proof = merkle.inclusion_proof(leaves, index)
        assert merkle.verify_inclusion(root, size, leaves[index], index, proof)
        assert not merkle.verify_inclusion(root, size, leaf_hash(b"other"), index, proof)
        assert not merkle.verify_inclusion(root, size, leaves[index], index + 1, proof)
        assert not merkle.verify_inclusion(root, size, leaves[index], -1, proof)
        assert not any(merkle.verify_inclusion(root, size, leaves[index], index, one) for one in variations(proof))


@pytest.mark.parametrize("size", SIZES)
def test_consistency(size):
    leaves = hashes(size)
    new = Tree(leaves).root, size
    for earlier in range(1, size + 1):
        old = Tree(leaves[:earlier]).root, earlier
        changed = Tree([leaf_hash(b"other"), *leaves[1:earlier]]).root, earlier
        proof = merkle.consistency_proof(leaves, earlier)
        assert merkle.verify_consistency(old, new, proof)
        assert not merkle.verify_consistency(changed, new, proof)
        assert not merkle.verify_consistency(old, (changed[0], size), proof)
        assert not any(merkle.verify_consistency(old, new, one) for one in variations(proof))
        if earlier < size:
            assert not merkle.verify_consistency(new, old, proof)
    assert not merkle.verify_consistency((Tree().root, 0), new, [])


def test_inner_node_is_not_a_leaf():
    two = hashes(2)
    assert Tree([leaf_hash(two[0] + two[1])]).root != Tree(two).root
