"""Artifacts: digests by which the contract names files, checkpoints and sets of files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gan_lightning.chain.metadata import METADATA_SUFFIX
from gan_lightning.errors import UserError
from gan_lightning.files import check_regular, file_digest
from gan_lightning.modalities.modality import AmbiguousContent
from gan_lightning.paths import STATEMENT_SUFFIX
from gan_lightning.provenance.contents import Contents, UnknownModality
from gan_lightning.provenance.merkle import Tree, inclusion_proof, leaf_hash, verify_inclusion

CHECKPOINT, SET, FILE = "checkpoint", "set", "file"  # kinds, besides the class names of modalities
CHECKPOINT_SUFFIXES = (".ckpt", ".pt", ".safetensors", ".onnx")


@dataclass(frozen=True)
class Artifact:
    """Content that a work can be.

    Args:
        digest: SHA-256, hexadecimal: of the content of a file by its modality, of the bytes of a checkpoint or another
            file, or the Merkle root of a set.
        kind: class name of the modality, ``checkpoint``, ``set`` or ``file``.
    """

    digest: str
    kind: str


@dataclass(frozen=True)
class Membership:
    """Proof that a set holds a member, which can be verified without the other members.

    Args:
        digest: digest of the member, hexadecimal.
        index: index of the member in the set.
        size: number of members.
        path: hashes that lead from the leaf of the member to the root of the set, hexadecimal.
    """

    digest: str
    index: int
    size: int
    path: Sequence[str]

    def verify(self, root: str) -> bool:
        """Return True if the set of this root, hexadecimal, holds the member."""
        leaf, path = leaf_hash(bytes.fromhex(self.digest)), [bytes.fromhex(one) for one in self.path]
        return verify_inclusion(bytes.fromhex(root), self.size, leaf, self.index, path)


def artifact_of(path: Path, contents: Contents) -> Artifact:
    """Return the artifact of a file or of a folder.

    Args:
        path: a file with content of a known modality, which is hashed; a checkpoint or any other file, whose bytes
            are hashed, as are those of ambiguous content, such as an animation; or a folder with files.
        contents: finds modalities and hashes content.

    Raises:
        UserError: if the path does not exist, the content cannot be read, or the folder is empty.
    """
    if path.is_dir():
        tree = Tree(leaf_hash(bytes.fromhex(one.digest)) for _, one in members_of(path, contents))
        return Artifact(tree.root.hex(), SET)
    if not path.exists():
        raise UserError(f"{path}: no such file or folder: choose another path")
    try:
        check_regular(path)
        if path.suffix in CHECKPOINT_SUFFIXES:
            return Artifact(file_digest(path), CHECKPOINT)
        try:
            modality = contents.modality_of(path)
            return Artifact(contents.digest(path, modality.__name__), modality.__name__)
        except (UnknownModality, AmbiguousContent):
            return Artifact(file_digest(path), FILE)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error


def members_of(folder: Path, contents: Contents) -> list[tuple[Path, Artifact]]:
    """Return the members of a set and their artifacts, in the order of their paths.

    The members are all files below the folder, except hidden ones, signed statements and metadata. The root of the
    set is that of the Merkle tree of RFC 6962 over their digests. For a folder of generated samples it equals the root
    in the signed statement about them.

    Raises:
        UserError: if the folder holds no files, or one that cannot be read.
    """
    paths = [
        path
        for path in sorted(folder.rglob("*"), key=lambda one: one.relative_to(folder).as_posix())
        if not path.is_dir()
        and not path.name.endswith((STATEMENT_SUFFIX, METADATA_SUFFIX))
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if not paths:
        raise UserError(f"{folder}: holds no files: give a folder with the files of the set")
    return [(path, artifact_of(path, contents)) for path in paths]


def prove_membership(folder: Path, member: Path, contents: Contents) -> Membership:
    """Return the proof that a set holds a member; raise UserError if it does not.

    Args:
        folder: folder of the set.
        member: a file in the folder, or a file with the same content.
        contents: finds modalities and hashes content.
    """
    digest = artifact_of(member, contents).digest
    digests = [one.digest for _, one in members_of(folder, contents)]
    if digest not in digests:
        raise UserError(f"{member}: the set {folder} holds no file with this content")
    index = digests.index(digest)
    path = inclusion_proof([leaf_hash(bytes.fromhex(one)) for one in digests], index)
    return Membership(digest, index, len(digests), [one.hex() for one in path])
