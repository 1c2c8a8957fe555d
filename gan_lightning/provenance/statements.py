"""Signed statements about checkpoints, samples, sets of them and contributions to a run.

Each is an in-toto Statement v1 (https://github.com/in-toto/attestation/tree/main/spec/v1) in an envelope, and lies
beside what it speaks of. What it says is the signer's word.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic_core import from_json
from typing_extensions import TypedDict  # before Python 3.12, pydantic does not take typing's

from gan_lightning import __version__
from gan_lightning.errors import UserError
from gan_lightning.paths import check_regular, file_digest
from gan_lightning.provenance.contents import Contents, UnknownModality
from gan_lightning.provenance.envelope import Broken, Foreign, Opened, seal, unseal
from gan_lightning.provenance.identity import Identity, names
from gan_lightning.provenance.merkle import Tree, leaf_hash
from gan_lightning.provenance.records import Record, canonical, config_digest, parse
from gan_lightning.provenance.verdicts import Finding, Verdict
from gan_lightning.provenance.ways import FileReader, FileSigner
from gan_lightning.runs.checkpoints import Trained, read
from gan_lightning.runs.folders import MANIFEST, METRICS, write_json

SUFFIX = ".intoto.json"
OF_SET = f"samples{SUFFIX}"  # in the set's folder
MAX_BYTES, MAX_SUBJECTS = 2**24, 64
PAYLOAD_TYPE = "application/vnd.in-toto+json"
CHECKPOINT, SAMPLES, SAMPLE, CONTRIBUTION = (
    f"urn:gan-lightning:{what}:v1" for what in ("checkpoint", "samples", "sample", "contribution")
)
TREE = "rfc6962Sha256"  # of a set: root of the Merkle tree over the digests of what its files show, in their order
CONTENT = "contentSha256"  # of a file: digest of what it shows, by its modality
CREATED = "created"
PATTERN = re.compile(r"\*(\.\w+)+", re.ASCII)  # of a set's files: all of one type


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


def state_checkpoint(identity: Identity, trained: Trained) -> Path:
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
    return _write(identity, [_file(trained.path)], CHECKPOINT, predicate, beside(trained.path))


def state_samples(identity: Identity, trained: Trained, records: Sequence[Record], folder: Path) -> Path:
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
    subject = Subject(name=f"*{trained.data.modality.suffix}", digest={TREE: set_root(one.content for one in records)})
    return _write(identity, [subject], SAMPLES, predicate, folder / OF_SET)


def state_contribution(identity: Identity, trained: Trained, contribution: dict[str, Any]) -> Path:
    """Say who gave what to a run; the statement's path, beside the run's checkpoint.

    Args:
        identity: of who gave it.
        trained: of the run.
        contribution: what :func:`given_data` makes, or ``{"compute": "…"}``.
    """
    digest = hashlib.sha256(identity.chain + canonical(contribution).encode()).hexdigest()
    path = beside(trained.path, f".contribution-{digest[:8]}")
    predicate = {"contributor": names(identity.certificate), "contribution": contribution}
    return _write(identity, [_file(trained.path)], CONTRIBUTION, predicate, path)


def given_data(path: Path) -> dict[str, Any]:
    """A file, or all files of a folder, with the root of the Merkle tree over their names and digests."""
    if path.is_file():
        return {"data": _file(path)}
    files = sorted(one for one in path.rglob("*") if one.is_file())
    if not files:
        raise UserError(f"--data {path}: no such file, or a folder without any")
    tree = Tree(leaf_hash(canonical([str(one.relative_to(path)), file_digest(one)]).encode()) for one in files)
    return {"data": Subject(name=path.resolve().name, digest={TREE: tree.root.hex()}), "files": len(files)}


def beside(path: Path, infix: str = "") -> Path:
    """Where a statement about a file is."""
    return path.with_name(f"{path.name}{infix}{SUFFIX}")


def set_root(digests: Iterable[str]) -> str:
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
        _write(self.identity, [subject], SAMPLE, asdict(record), beside(path))


class StatementReader(FileReader):
    """Judges files by the statements beside them, and statements by the files beside them.

    Args:
        anchors: certificates of the roots to trust, PEM; empty for none.
        contents: what files show.
    """

    def __init__(self, anchors: bytes, contents: Contents) -> None:
        self._anchors = anchors
        self._contents = contents

    def judge(self, path: Path) -> Finding | None:
        if path.name.endswith(SUFFIX):
            return Finding(str(path), *self._judge(path))
        if beside(path).is_file():
            return Finding(str(path), *self._judge(beside(path), path.name))
        return None

    def _judge(self, path: Path, about: str | None = None) -> tuple[Verdict, str, Record | None]:
        """Return the verdict on a statement and what it speaks of, which must lie beside it; its reason and record.

        Args:
            path: of the statement.
            about: name of a file that it must speak of; None for any.
        """
        record = None
        try:
            opened, statement = open_statement(path, self._anchors)
            if about not in (None, *(one["name"] for one in statement["subject"] if "sha256" in one["digest"])):
                return Verdict.UNKNOWN, f"{path.name} beside it speaks of something else", None
            record = _record(statement)
            changed, missing = self._compare(path, statement)
        except (Foreign, UnknownModality) as error:
            return Verdict.UNKNOWN, str(error), None
        except Broken as error:
            return Verdict.TAMPERED, str(error), None
        except OSError as error:
            return Verdict.UNKNOWN, f"cannot be read ({error.strerror or error})", None
        what = statement["predicateType"]
        if changed:
            return Verdict.TAMPERED, f"{changed} beside it is not what it speaks of", record
        if missing:
            return Verdict.UNKNOWN, f"{missing}, of which it speaks, is not beside it", record
        if opened.distrust:
            return Verdict.UNKNOWN_SIGNER, f"{what} by {opened.signer}: {opened.distrust}", record
        return Verdict.TRUSTED, f"{what} by {opened.signer}", record

    def _compare(self, path: Path, statement: Statement) -> tuple[str | None, str | None]:
        """Return the name of a subject that is changed, and of one that is not there."""
        changed = missing = None
        if not 0 < len(statement["subject"]) <= MAX_SUBJECTS:
            raise Broken(f"speaks of {len(statement['subject'])} things, not of 1 to {MAX_SUBJECTS}")
        for subject in statement["subject"]:
            name, digest = subject["name"], subject["digest"]
            if TREE in digest:
                found = self._root(path.parent, name, str(statement["predicate"].get("modality")))
            elif not name or Path(name).name != name:
                raise Broken(f"speaks of {name[:100]!r}, which is no file's name")
            else:
                file = path.with_name(name)
                found = {"sha256": file_digest(file)} if file.is_file() else None
            if found is None:
                missing = name
            elif found.items() - digest.items():
                changed = name
        return changed, missing

    def _root(self, folder: Path, pattern: str, modality: str) -> dict[str, str] | None:
        """Return the digest of a set of files in a folder; None if there is none of them."""
        if not PATTERN.fullmatch(pattern):
            raise Broken(f"speaks of {pattern[:100]!r}, which are no files' names")
        self._contents.named(modality)
        files = sorted(one for one in folder.glob(pattern) if not one.name.endswith(SUFFIX))
        try:
            return {TREE: set_root(self._contents.digest(one, modality) for one in files)} if files else None
        except UserError as error:
            raise Broken(str(error)) from error


def open_statement(path: Path, anchors: bytes) -> tuple[Opened, Statement]:
    """Who says it, and what; Broken where nobody has signed it like that."""
    check_regular(path)
    if path.stat().st_size > MAX_BYTES:
        raise Broken(f"larger than {MAX_BYTES:,} bytes")
    try:
        envelope = from_json(path.read_bytes())
    except ValueError as error:
        raise Foreign(f"no envelope ({type(error).__name__})") from error
    opened = unseal(envelope, PAYLOAD_TYPE, anchors)
    try:
        return opened, TypeAdapter(Statement).validate_json(opened.payload, strict=True)
    except ValueError as error:
        raise Broken(f"no statement ({type(error).__name__})") from error


def _record(statement: Statement) -> Record | None:
    """Return the record that a statement about a sample holds; None for other statements."""
    if statement["predicateType"] != SAMPLE:
        return None
    fields = {name: value for name, value in statement["predicate"].items() if name != CREATED}
    record = parse(canonical(fields))
    if record is None or any(one["digest"].get(CONTENT) != record.content for one in statement["subject"]):
        raise Broken("holds no record of what it speaks of")
    return record


def _write(identity: Identity, subject: list[Subject], kind: str, predicate: dict[str, Any], path: Path) -> Path:
    statement: Statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject,
        "predicateType": kind,
        "predicate": predicate | {CREATED: datetime.now(UTC).isoformat(timespec="seconds")},
    }
    write_json(path, seal(identity, PAYLOAD_TYPE, canonical(statement).encode()))
    return path


def _file(path: Path) -> Subject:
    return Subject(name=path.name, digest={"sha256": file_digest(path)})


def _data(trained: Trained) -> dict[str, Any]:
    """What was trained on."""
    manifest = trained.run_dir / MANIFEST
    recorded = _json(manifest).get("data") if manifest.exists() else None
    said = {"name": trained.data.source, "licence": trained.data.licence}
    return said | recorded if isinstance(recorded, dict) else said


def _json(path: Path) -> dict[str, Any]:
    try:
        return TypeAdapter(dict[str, Any]).validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read: give the folder of a run that has ended") from error
