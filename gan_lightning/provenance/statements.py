"""Signed statements about checkpoints, samples, sets of them and contributions to a run.

Each is an in-toto Statement v1 (https://github.com/in-toto/attestation/tree/main/spec/v1) in an envelope, and lies
beside what it speaks of. What it says is the signer's word.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter
from typing_extensions import TypedDict  # before Python 3.12, pydantic does not take typing's

from gan_lightning import __version__
from gan_lightning.errors import UserError
from gan_lightning.files import file_digest, write_json
from gan_lightning.paths import MANIFEST, METRICS, STATEMENT_SUFFIX
from gan_lightning.provenance.envelope import seal
from gan_lightning.provenance.identity import Identity, certificate_names
from gan_lightning.provenance.interfaces import FileSigner
from gan_lightning.provenance.merkle import Tree, leaf_hash
from gan_lightning.provenance.records import Record, canonical_json, config_digest
from gan_lightning.runs.checkpoints import Trained, read

SAMPLES_STATEMENT = f"samples{STATEMENT_SUFFIX}"  # in the set's folder
PAYLOAD_TYPE = "application/vnd.in-toto+json"
CHECKPOINT, SAMPLES, SAMPLE, CONTRIBUTION = (
    f"urn:gan-lightning:{what}:v1" for what in ("checkpoint", "samples", "sample", "contribution")
)
TREE = "rfc6962Sha256"  # of a set: root of the Merkle tree over the digests of what its files show, in their order
CONTENT = "contentSha256"  # of a file: digest of what it shows, by its modality
CREATED = "created"


class Subject(TypedDict):
    """What a statement speaks of."""

    name: str
    digest: dict[str, str]


class Statement(TypedDict):
    """What is signed."""

    _type: Literal["https://in-toto.io/Statement/v1"]
    subject: list[Subject]
    predicateType: str
    predicate: dict[str, Any]


def attest_checkpoint(identity: Identity, trained: Trained) -> Path:
    """Say what a run's checkpoint was made of; the statement's path, beside it."""
    manifest, metrics = (_json(trained.run_dir / name) for name in (MANIFEST, METRICS))
    iteration = read(trained.path)["iteration"]
    predicate = {
        "config": trained.config,
        "configDigest": {"sha256": config_digest(trained.config)},
        "iteration": iteration,
        "code": {"version": __version__, "git": manifest.get("git"), "packages": manifest.get("packages")},
        "data": _data(trained),
        "metrics": metrics if metrics.get("iteration") == iteration else None,  # which are those of the run's end
    }
    return _write(identity, [_file(trained.path)], CHECKPOINT, predicate, statement_path(trained.path))


def attest_samples(identity: Identity, trained: Trained, records: Sequence[Record], folder: Path) -> Path:
    """Say how the samples in a folder were drawn; the statement's path, among them."""
    first = records[0]
    predicate = {
        "generator": Subject(name=trained.path.name, digest={"sha256": trained.digest}),
        "configDigest": {"sha256": first.config},
        "weights": first.weights,
        "seed": str(first.seed),  # a string: from 2^53 on, JSON's numbers are not exact everywhere
        "indices": [0, first.n - 1],
        "condition": first.condition,
        "modality": first.modality,
        "count": first.n,
        "source": _data(trained),
    }
    subject = Subject(
        name=f"*{trained.data.modality.suffix}", digest={TREE: merkle_root(one.content for one in records)}
    )
    return _write(identity, [subject], SAMPLES, predicate, folder / SAMPLES_STATEMENT)


def attest_contribution(identity: Identity, trained: Trained, contribution: dict[str, Any]) -> Path:
    """Say who gave what to a run; the statement's path, beside the run's checkpoint.

    Args:
        identity: of who gave it.
        trained: of the run.
        contribution: what :func:`given_data` makes, or ``{"compute": "…"}``.
    """
    digest = hashlib.sha256(identity.chain + canonical_json(contribution).encode()).hexdigest()
    path = statement_path(trained.path, f".contribution-{digest[:8]}")
    predicate = {"contributor": certificate_names(identity.certificate), "contribution": contribution}
    return _write(identity, [_file(trained.path)], CONTRIBUTION, predicate, path)


def describe_data(path: Path) -> dict[str, Any]:
    """A file, or all files of a folder, with the root of the Merkle tree over their names and digests."""
    if path.is_file():
        return {"data": _file(path)}
    files = _files(path)
    tree = Tree(leaf_hash(canonical_json([str(one.relative_to(path)), file_digest(one)]).encode()) for one in files)
    return {"data": Subject(name=path.resolve().name, digest={TREE: tree.root.hex()}), "files": len(files)}


def _files(folder: Path) -> list[Path]:
    """Return all files in a folder and below; raise UserError where a statement would leave something out."""
    files = []
    for one in sorted(folder.rglob("*")):
        if one.is_file():
            files.append(one)
        elif one.is_symlink() or not one.is_dir():
            raise UserError(f"--data {folder}: {one} is no file, and no folder: put a copy there, or move it away")
        if any("\ud800" <= character <= "\udfff" for character in str(one)):  # which stand for bytes that are no text
            raise UserError(f"--data {folder}: {one} has a name that is not UTF-8: rename it")
    if not files:
        raise UserError(f"--data {folder}: no such file, or a folder without any")
    return files


def statement_path(path: Path, infix: str = "") -> Path:
    """Where a statement about a file is."""
    return path.with_name(f"{path.name}{infix}{STATEMENT_SUFFIX}")


def merkle_root(digests: Iterable[str]) -> str:
    """Return the root of the Merkle tree over digests of content."""
    return Tree(leaf_hash(bytes.fromhex(one)) for one in digests).root.hex()


class StatementSigner(FileSigner):
    """Writes a statement beside a file: for files of any type."""

    @staticmethod
    def takes(media_type: str) -> bool:
        return True

    def sign(self, path: Path, record: Record) -> None:
        subject = _file(path)
        subject["digest"][CONTENT] = record.content
        _write(self.identity, [subject], SAMPLE, asdict(record), statement_path(path))


def _write(identity: Identity, subject: list[Subject], kind: str, predicate: dict[str, Any], path: Path) -> Path:
    statement: Statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject,
        "predicateType": kind,
        "predicate": predicate | {CREATED: datetime.now(UTC).isoformat(timespec="seconds")},
    }
    write_json(path, seal(identity, PAYLOAD_TYPE, canonical_json(statement).encode()))
    return path


def _file(path: Path) -> Subject:
    return Subject(name=path.name, digest={"sha256": file_digest(path)})


def _data(trained: Trained) -> dict[str, Any]:
    """Return what a run was trained on: where the data have changed on the way, each part of it."""
    said = {"name": trained.data.source, "licence": trained.data.licence}
    if len(trained.trained_on) > 1:
        return said | {"parts": trained.trained_on}
    return said | {key: value for one in trained.trained_on for key, value in one.items() if key != "from_iteration"}


def _json(path: Path) -> dict[str, Any]:
    try:
        return TypeAdapter(dict[str, Any]).validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read: give the folder of a run that has ended") from error
