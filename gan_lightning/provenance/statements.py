"""Signed statements about checkpoints, sets of samples and contributions to a run.

Each is an in-toto Statement v1 (https://github.com/in-toto/attestation/tree/main/spec/v1) in an envelope, and lies
beside what it speaks of. What it says is the signer's word.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic_core import from_json
from typing_extensions import TypedDict  # before Python 3.12, pydantic does not take typing's

from gan_lightning import __version__
from gan_lightning.errors import UserError
from gan_lightning.files import check_regular, file_digest, write_json
from gan_lightning.paths import MANIFEST, METRICS
from gan_lightning.provenance.credentials import Record, canonical, config_digest, plain_pixels
from gan_lightning.provenance.envelope import Broken, Foreign, Opened, seal, unseal
from gan_lightning.provenance.identity import Identity, names
from gan_lightning.provenance.merkle import Tree, leaf_hash
from gan_lightning.provenance.verdicts import Verdict
from gan_lightning.runs.checkpoints import Trained, read

SUFFIX = ".intoto.json"
OF_SET = f"samples{SUFFIX}"  # in the set's folder
MAX_BYTES, MAX_SUBJECTS = 2**24, 64
PAYLOAD_TYPE = "application/vnd.in-toto+json"
CHECKPOINT, SAMPLES, CONTRIBUTION = (
    f"urn:gan-lightning:{what}:v1" for what in ("checkpoint", "samples", "contribution")
)
TREE = "rfc6962Sha256"  # of a set: root of the Merkle tree over its pictures' pixel digests, in their order


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
    """Say how the pictures in a folder were drawn; the statement's path, among them."""
    first = records[0]
    predicate = {
        "generator": Subject(name=trained.path.name, digest={"sha256": trained.digest}),
        "configDigest": {"sha256": first.config},
        "weights": first.weights,
        "seed": str(first.seed),  # a string: from 2^53 on, JSON's numbers are not exact everywhere
        "indices": [first.index, records[-1].index],
        "label": first.label,
        "count": len(records),
        "source": _data(trained),
    }
    subject = Subject(name="*.png", digest={TREE: set_root(record.pixels for record in records)})
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


def set_root(pixels: Iterable[str]) -> str:
    """Of the Merkle tree over pixel digests."""
    return Tree(leaf_hash(bytes.fromhex(one)) for one in pixels).root.hex()


def judge(path: Path, anchors: bytes, about: str | None = None) -> tuple[Verdict, str]:
    """The verdict on a statement and what it speaks of, which must lie beside it, and its reason.

    Args:
        path: of the statement.
        anchors: certificates of the roots to trust, PEM; empty for none.
        about: name of a file that it must speak of; None for any.
    """
    try:
        opened, statement = open_statement(path, anchors)
        if about not in (None, *(one["name"] for one in statement["subject"] if "sha256" in one["digest"])):
            return Verdict.UNKNOWN, f"{path.name} beside it speaks of something else"
        changed, missing = _compare(path, statement)
    except Foreign as error:
        return Verdict.UNKNOWN, str(error)
    except Broken as error:
        return Verdict.TAMPERED, str(error)
    except OSError as error:
        return Verdict.UNKNOWN, f"cannot be read ({error.strerror or error})"
    what = statement["predicateType"]
    if changed:
        return Verdict.TAMPERED, f"{changed} beside it is not what it speaks of"
    if missing:
        return Verdict.UNKNOWN, f"{missing}, of which it speaks, is not beside it"
    if opened.distrust:
        return Verdict.UNKNOWN_SIGNER, f"{what} by {opened.signer}: {opened.distrust}"
    return Verdict.TRUSTED, f"{what} by {opened.signer}"


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


def _compare(path: Path, statement: Statement) -> tuple[str | None, str | None]:
    """The name of a subject that is changed, and of one that is not there."""
    changed = missing = None
    if not 0 < len(statement["subject"]) <= MAX_SUBJECTS:
        raise Broken(f"speaks of {len(statement['subject'])} things, not of 1 to {MAX_SUBJECTS}")
    for subject in statement["subject"]:
        name, digest = subject["name"], subject["digest"]
        if TREE in digest:
            pictures = sorted(path.parent.glob("*.png"))
            found = {TREE: _root_of(pictures)} if pictures else None
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


def _root_of(pictures: Iterable[Path]) -> str:
    try:
        return set_root(plain_pixels(path)[0] for path in pictures)
    except UserError as error:
        raise Broken(str(error)) from error


def _write(identity: Identity, subject: list[Subject], kind: str, predicate: dict[str, Any], path: Path) -> Path:
    statement: Statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject,
        "predicateType": kind,
        "predicate": predicate | {"created": datetime.now(UTC).isoformat(timespec="seconds")},
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
