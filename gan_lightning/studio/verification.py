"""Verifies a file that a visitor has sent; runs in the worker process."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic_core import from_json

from gan_lightning.errors import UserError, printable
from gan_lightning.paths import STATEMENT_SUFFIX
from gan_lightning.studio.refusals import unknown
from gan_lightning.studio.regeneration import Candidate, find_run, regenerate, shown
from gan_lightning.studio.untrusted import seconds_since_1970

if TYPE_CHECKING:  # takes seconds to import
    from gan_lightning.provenance.contents import Contents
    from gan_lightning.provenance.ledger import Ledger, SignedRoot
    from gan_lightning.provenance.records import Record
    from gan_lightning.provenance.verdicts import Finding
    from gan_lightning.provenance.verify import Verifier
    from gan_lightning.studio.worker_process import Toolbox

SUFFIX = re.compile(r"(\.[a-z0-9]{1,12}){1,2}", re.ASCII)
SUBJECT = re.compile(r"[^/\\\x00-\x1f.][^/\\\x00-\x1f]{0,100}")
OTHER = ".bin"  # suffix of files that no modality reads

T = TypeVar("T")


def verify_file(
    toolbox: Toolbox,
    file: Path,
    name: str,
    statement: Path | None,
    ledger: Path,
    runs: Sequence[Candidate],
    again: bool,
) -> dict[str, Any]:
    """Return the verdict on a file with the evidence, as the API writes it.

    Args:
        toolbox: the toolbox of the worker process.
        file: the file, in a folder of its own.
        name: its name on the visitor's machine, which only tells the type of content and is shown.
        statement: signed statement about the file; None without one.
        ledger: folder of the ledger, which need not exist.
        runs: runs with a checkpoint.
        again: True to generate the sample again, if one of the runs has generated it.

    Raises:
        Refusal: if the file was removed in the meantime.
    """
    from gan_lightning.provenance import identity
    from gan_lightning.provenance.contents import Contents
    from gan_lightning.provenance.records import parse_record
    from gan_lightning.provenance.verify import Verifier

    notes: list[str] = []
    roots = _attempt(notes, lambda: identity.load_trusted_roots(None)) or b""
    known = _attempt(notes, lambda: _open_ledger(ledger, roots))
    contents = Contents(toolbox.trust_code)
    with tempfile.TemporaryDirectory(dir=file.parent.parent) as folder:
        path = _place(Path(folder), file, name, statement, contents)
        toolbox.report(0.1)
        finding = _verify(Verifier(roots, known, packages=toolbox.trust_code), path)
        digest, artifact = _digests_of(path, contents, finding.record)
        entry = known.find(digest) if known and digest else None
        record = finding.record or (parse_record(known.lines[entry[0]]) if known and entry else None)
        run = find_run(record, runs)
        toolbox.report(0.3)
        return {
            "file": printable(name),
            "verdict": str(finding.verdict),
            "code": finding.verdict.name.lower(),
            "reason": shown(finding.reason, path, name),
            "trusted": finding.verdict.name == "TRUSTED",
            "manifest": _manifest(path, roots),
            "record": record and asdict(record) | {"seed": str(record.seed)},
            "ledger": _describe_entry(*entry) if entry else None,
            "artifact": artifact,
            "candidate": {"run": run.id, "run_name": run.name} if run else None,
            "regenerated": regenerate(toolbox, run, path, record) if again else None,
            "notes": notes,
        }


def _place(folder: Path, file: Path, name: str, statement: Path | None, contents: Contents) -> Path:
    """Link a file and the statement about it into a folder, under names by which they are found; return the path."""
    try:
        if _is_statement(file, name):
            path = folder / f"file{STATEMENT_SUFFIX}"
        else:
            path = folder / (_subject_of(statement) or f"file{_suffix(file, name, contents)}")
        os.link(file, path)
        if statement is not None and not path.name.endswith(STATEMENT_SUFFIX):
            os.link(statement, path.with_name(path.name + STATEMENT_SUFFIX))
    except FileNotFoundError as error:
        raise unknown("upload", name) from error
    return path


def _is_statement(file: Path, name: str) -> bool:
    """Return True for a signed statement, by its name or its content."""
    if name.lower().endswith(STATEMENT_SUFFIX):
        return True
    content = file.read_bytes()
    try:
        envelope = from_json(content) if content.lstrip()[:1] == b"{" else None
    except ValueError:
        return False
    return isinstance(envelope, dict) and {"payload", "payloadType", "signatures"} <= envelope.keys()


def _subject_of(statement: Path | None) -> str | None:
    """Return the name of the file that a statement is about; None if it is no plain name, or there is no statement.

    The name is safe to use, and the statement is about a file of this content only, whatever its name.
    """
    from gan_lightning.modalities.arrays import ARRAYS
    from gan_lightning.provenance.envelope import InvalidDocument
    from gan_lightning.provenance.statement_reader import open_statement

    if statement is None:
        return None
    try:
        _, content = open_statement(statement, b"")
    except (InvalidDocument, OSError):
        return None
    names = [one["name"] for one in content["subject"] if "sha256" in one["digest"]]
    plain = (
        len(names) == 1 and SUBJECT.fullmatch(names[0]) and not names[0].lower().endswith((STATEMENT_SUFFIX, *ARRAYS))
    )
    return names[0] if plain and names[0].isprintable() else None


def _suffix(file: Path, name: str, contents: Contents) -> str:
    """Return the suffix for the content of a file: that of its image format, or else that of its name if it is known.

    Arrays get no suffix of theirs: they can claim gigabytes, and no modality writes samples into them.
    """
    from PIL import Image

    from gan_lightning.modalities.arrays import ARRAYS
    from gan_lightning.modalities.image import FORMATS

    try:
        with Image.open(file, formats=FORMATS) as image:
            return f".{image.format}".lower()
    except Exception:  # decoders raise many types
        suffix = SUFFIX.search("".join(Path(name).suffixes[-2:]).lower())
    for one in (suffix[0], suffix[0][suffix[0].rindex(".") :]) if suffix else ():
        try:
            contents.modality_of(Path(f"file{one}"))
        except UserError:
            continue
        return OTHER if one.endswith(ARRAYS) else one
    return OTHER


def _verify(verifier: Verifier, path: Path) -> Finding:
    """Return the finding about a file; ``UNKNOWN`` if reading it raises an error that nobody expected."""
    from gan_lightning.provenance.verdicts import Finding, Verdict

    try:
        return verifier.verify(path)
    except MemoryError:
        raise
    except Exception as error:  # the file may hold anything, and a modality may be the user's own
        reason = " ".join(f"{type(error).__name__} {error}".split())
        return Finding(str(path), Verdict.UNKNOWN, f"cannot be read ({reason[:200]})")


def _digests_of(path: Path, contents: Contents, record: Record | None) -> tuple[str | None, str | None]:
    """Return the digest of the content of a file, and that by which a contract names it; None if it is unreadable.

    For a statement without its file, both are those of the record.
    """
    from gan_lightning.chain.artifacts import artifact_of

    if path.name.endswith(STATEMENT_SUFFIX):
        return (record.content, record.content) if record else (None, None)
    digests: list[str | None] = []
    for function in (lambda: contents.digest(path), lambda: artifact_of(path, contents).digest):
        try:
            digests.append(function())
        except (UserError, OSError):
            digests.append(None)
    return digests[0], digests[1]


def _manifest(path: Path, roots: bytes) -> list[dict[str, str]] | None:
    """Return the manifest or the statement of a file in readable form; None without one."""
    from gan_lightning.studio.manifests import read_manifest, read_statement

    if path.name.endswith(STATEMENT_SUFFIX):
        return read_statement(path, roots)
    beside = path.with_name(path.name + STATEMENT_SUFFIX)
    return read_manifest(path, roots) or (read_statement(beside, roots) if beside.exists() else None)


def _describe_entry(index: int, root: SignedRoot) -> dict[str, Any]:
    """Return the line of a ledger, counted from 1, with the signer who added it and the time by their clock."""
    return {
        "line": index + 1,
        "signer": printable(root.signature.signer),
        "time": seconds_since_1970(root.claim.when),
        "trusted": root.signature.trusted,
    }


def _open_ledger(folder: Path, roots: bytes) -> Ledger | None:
    """Return the ledger in a folder; None if there is none.

    Raises:
        UserError: if the ledger was changed.
    """
    from gan_lightning.provenance.ledger import ROOTS, read_ledger

    try:
        return read_ledger(folder, roots) if (folder / ROOTS).is_file() else None
    except UserError as error:  # whose message names the folder, which is none of a visitor's business
        raise UserError(str(error).replace(f"{folder}/", "")) from error


def _attempt(notes: list[str], function: Callable[[], T]) -> T | None:
    """Return the result of a function; if it raises UserError, add its message to the notes, and return None."""
    try:
        return function()
    except UserError as error:
        notes.append(printable(str(error)))
        return None
