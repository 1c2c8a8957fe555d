"""Signed statements about checkpoints, samples, sets of samples, images made from others, evaluations, contributions.

Each is an in-toto Statement v1 (https://github.com/in-toto/attestation/tree/main/spec/v1) in an envelope, in a file
beside the file it is about. Its content is a claim of the signer: the signature proves only who made it.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter
from typing_extensions import TypedDict  # before Python 3.12, pydantic does not take typing's

from gan_lightning import __version__
from gan_lightning.errors import UserError
from gan_lightning.files import file_digest, write_json
from gan_lightning.paths import MANIFEST, METRICS, REPORT, STATEMENT_SUFFIX
from gan_lightning.provenance.derivations import Derivation
from gan_lightning.provenance.envelope import seal
from gan_lightning.provenance.identity import Identity, certificate_names
from gan_lightning.provenance.interfaces import FileSigner
from gan_lightning.provenance.merkle import Tree, leaf_hash
from gan_lightning.provenance.records import Record, canonical_json, config_digest
from gan_lightning.runs.checkpoints import Trained, read

SAMPLES_STATEMENT = f"samples{STATEMENT_SUFFIX}"  # in the folder of the set
PAYLOAD_TYPE = "application/vnd.in-toto+json"
CHECKPOINT, SAMPLES, SAMPLE, DERIVED_IMAGE, CONTRIBUTION, EVALUATION = (
    f"urn:gan-lightning:{kind}:v1"
    for kind in ("checkpoint", "samples", "sample", "derived-image", "contribution", "evaluation")
)
# Keys of digests in subjects.
TREE = "rfc6962Sha256"  # of a set: root of the Merkle tree over the content digests of its files, in their order
CONTENT = "contentSha256"  # of a file: digest of its content, by its modality
CREATED = "created"
RENDERINGS = "renderings"  # modalities of files that are not of the modality of the samples, by their subject


class Subject(TypedDict):
    """File or set of files that a statement is about."""

    name: str
    digest: dict[str, str]


class Statement(TypedDict):
    """In-toto statement: the payload of an envelope."""

    _type: Literal["https://in-toto.io/Statement/v1"]
    subject: list[Subject]
    predicateType: str
    predicate: dict[str, Any]


def attest_checkpoint(identity: Identity, trained: Trained) -> Path:
    """Write a statement about a checkpoint: its config, code, data and metrics; return its path, beside the file."""
    manifest, metrics = (_read_json(trained.run_dir / name) for name in (MANIFEST, METRICS))
    iteration = read(trained.path)["iteration"]
    predicate = {
        "config": trained.config,
        "configDigest": {"sha256": config_digest(trained.config)},
        "iteration": iteration,
        "code": {"version": __version__, "git": manifest.get("git"), "packages": manifest.get("packages")},
        "data": _data_record(trained),
        "metrics": metrics if metrics.get("iteration") == iteration else None,  # those of the end of the run
        **_privacy_record(trained),
    }
    return write_statement(identity, [_file_subject(trained.path)], CHECKPOINT, predicate, statement_path(trained.path))


def attest_samples(identity: Identity, trained: Trained, sets: Mapping[str, Sequence[Record]], folder: Path) -> Path:
    """Write a statement about the samples in a folder: how they were generated; return its path, in the folder.

    Args:
        identity: identity that signs.
        trained: the checkpoint that generated the samples.
        sets: records of the files, by their suffix: those of the samples, then those of renderings of them.
        folder: folder of the files.
    """
    first, *renderings = (records[0] for records in sets.values())
    predicate = {
        "generator": Subject(name=trained.path.name, digest={"sha256": trained.digest}),
        "configDigest": {"sha256": first.config},
        "weights": first.weights,
        "seed": str(first.seed),  # a string, because some JSON parsers round numbers from 2^53 on
        "indices": [0, first.n - 1],
        "condition": first.condition,
        "truncation": first.truncation,
        "modality": first.modality,
        RENDERINGS: {f"*{suffix}": one.modality for suffix, one in zip(list(sets)[1:], renderings, strict=True)},
        "count": first.n,
        "source": _data_record(trained),
        **_privacy_record(trained),
    }
    subjects = [
        Subject(name=f"*{suffix}", digest={TREE: merkle_root(one.content for one in records)})
        for suffix, records in sets.items()
    ]
    return write_statement(identity, subjects, SAMPLES, predicate, folder / SAMPLES_STATEMENT)


def attest_derivation(identity: Identity, path: Path, derivation: Derivation, unfinished: Path) -> Path:
    """Write a statement about an image that was made from others; return its path, beside the image.

    Args:
        identity: identity that signs.
        path: path of the image.
        derivation: the sources, the model and the settings.
        unfinished: path of the file as long as it is not renamed to ``path``.
    """
    return _write_sample_statement(identity, path, DERIVED_IMAGE, derivation, unfinished)


def attest_evaluation(
    identity: Identity, trained: Trained, folder: Path, content: dict[str, Any], headline: Sequence[str]
) -> Path:
    """Write a statement about the report and metrics.json of an evaluation; return its path, beside the report.

    Args:
        identity: identity that signs.
        trained: the checkpoint that was evaluated.
        folder: folder of the report and of metrics.json.
        content: content of metrics.json.
        headline: names of the metrics that the statement repeats, with their values for real data.
    """
    metrics = {
        weights: {name: values[name]["mean"] for name in headline if name in values}
        for weights, values in content["generators"].items()
    }
    predicate = {
        "generator": Subject(name=trained.path.name, digest={"sha256": trained.digest}),
        "configDigest": {"sha256": config_digest(trained.config)},
        "data": _data_record(trained),
        "reference": content["source"] | content["reference"],
        "samples": {"count": content["n"], "seeds": [str(seed) for seed in content["seeds"]]},
        "metrics": metrics,
        "floor": {name: content["floor"][name] for name in headline if name in content["floor"]},
        "findings": content["findings"],
        "privacy": content["privacy"],
    }
    report = folder / REPORT
    subjects = [_file_subject(report), _file_subject(folder / METRICS)]
    return write_statement(identity, subjects, EVALUATION, predicate, statement_path(report))


def attest_contribution(identity: Identity, trained: Trained, contribution: dict[str, Any]) -> Path:
    """Write a statement about a contribution to a run; return its path, beside the checkpoint.

    Args:
        identity: identity of the contributor.
        trained: checkpoint of the run.
        contribution: result of :func:`describe_data`, or ``{"compute": "…"}``.
    """
    digest = hashlib.sha256(identity.chain + canonical_json(contribution).encode()).hexdigest()
    path = statement_path(trained.path, f".contribution-{digest[:8]}")
    predicate = {"contributor": certificate_names(identity.certificate), "contribution": contribution}
    return write_statement(identity, [_file_subject(trained.path)], CONTRIBUTION, predicate, path)


def describe_data(path: Path) -> dict[str, Any]:
    """Return the contribution of a file, or of a folder by the Merkle root over the names and digests of its files."""
    if path.is_file():
        return {"data": _file_subject(path)}
    files = _all_files(path)
    tree = Tree(leaf_hash(canonical_json([str(one.relative_to(path)), file_digest(one)]).encode()) for one in files)
    return {"data": Subject(name=path.resolve().name, digest={TREE: tree.root.hex()}), "files": len(files)}


def _all_files(folder: Path) -> list[Path]:
    """Return all files below a folder.

    Raises:
        UserError: if it holds no file, or something that a statement cannot cover, such as a broken link.
    """
    files = []
    for one in sorted(folder.rglob("*")):
        if one.is_file():
            files.append(one)
        elif one.is_symlink() or not one.is_dir():
            raise UserError(
                f"--data {folder}: {one} is neither a file nor a folder: replace it by a copy, or move it away"
            )
        if any("\ud800" <= character <= "\udfff" for character in str(one)):  # stand for bytes that are not UTF-8
            raise UserError(f"--data {folder}: {one} has a name that is not UTF-8: rename it")
    if not files:
        raise UserError(f"--data {folder}: no such file, or an empty folder")
    return files


def statement_path(path: Path, infix: str = "") -> Path:
    """Return the path of the statement about a file; ``infix`` tells several statements apart."""
    return path.with_name(f"{path.name}{infix}{STATEMENT_SUFFIX}")


def merkle_root(digests: Iterable[str]) -> str:
    """Return the root of the Merkle tree over digests; all are hexadecimal."""
    return Tree(leaf_hash(bytes.fromhex(digest)) for digest in digests).root.hex()


class StatementSigner(FileSigner):
    """Signs files of any type: writes a statement beside the file."""

    @staticmethod
    def supports(media_type: str) -> bool:
        return True

    def sign(self, path: Path, record: Record) -> None:
        _write_sample_statement(self.identity, path, SAMPLE, record, path)


def _write_sample_statement(
    identity: Identity, path: Path, kind: str, record: Record | Derivation, unfinished: Path
) -> Path:
    """Write a statement about a file with its record or derivation as the predicate; return its path."""
    subject = Subject(name=path.name, digest={"sha256": file_digest(unfinished)})
    if record.content is not None:
        subject["digest"][CONTENT] = record.content
    return write_statement(identity, [subject], kind, asdict(record), statement_path(path))


def write_statement(
    identity: Identity, subject: list[Subject], kind: str, predicate: dict[str, Any], path: Path
) -> Path:
    """Write a signed statement with the current time and return its path.

    Args:
        identity: identity that signs.
        subject: files, sets or accounts that the statement is about.
        kind: type of the predicate, a URN.
        predicate: content of the statement.
        path: file to write.
    """
    statement: Statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject,
        "predicateType": kind,
        "predicate": predicate | {CREATED: datetime.now(UTC).isoformat(timespec="seconds")},
    }
    write_json(path, seal(identity, PAYLOAD_TYPE, canonical_json(statement).encode()))
    return path


def _file_subject(path: Path) -> Subject:
    return Subject(name=path.name, digest={"sha256": file_digest(path)})


def _data_record(trained: Trained) -> dict[str, Any]:
    """Return the data of a run; if they changed while it trained, with a part for each version."""
    source = {"name": trained.data.source, "licence": trained.data.licence}
    if len(trained.trained_on) > 1:
        return source | {"parts": trained.trained_on}
    return source | {key: value for one in trained.trained_on for key, value in one.items() if key != "from_iteration"}


def _privacy_record(trained: Trained) -> dict[str, Any]:
    """Return what the run has spent of its budget of differential privacy; nothing for a run without one."""
    privacy = trained.model.privacy
    return {} if privacy is None else {"privacy": privacy.record()}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return TypeAdapter(dict[str, Any]).validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read: give the folder of a run that has ended") from error
