"""Verifies signed statements, and files by the statements beside them."""

import re
from collections.abc import Callable
from pathlib import Path

from pydantic import TypeAdapter
from pydantic_core import from_json

from gan_lightning.errors import UserError
from gan_lightning.files import check_regular, file_digest
from gan_lightning.paths import STATEMENT_SUFFIX
from gan_lightning.provenance.contents import Contents, UnknownModality
from gan_lightning.provenance.derivations import Derivation, parse_derivation
from gan_lightning.provenance.envelope import InvalidDocument, SignedPayload, UnrecognizedDocument, unseal
from gan_lightning.provenance.interfaces import FileReader
from gan_lightning.provenance.records import Record, canonical_json, parse_record
from gan_lightning.provenance.statements import (
    CONTENT,
    CREATED,
    DERIVED_IMAGE,
    PAYLOAD_TYPE,
    RENDERINGS,
    SAMPLE,
    TREE,
    Statement,
    merkle_root,
    statement_path,
)
from gan_lightning.provenance.verdicts import Finding, Verdict, ingredients_of

MAX_BYTES, MAX_SUBJECTS = 2**24, 64  # of a statement
PARSERS: dict[str, Callable[[str], Record | Derivation | None]] = {  # of statements about one file
    SAMPLE: parse_record,
    DERIVED_IMAGE: parse_derivation,
}
PATTERN = re.compile(r"\*(\.\w+)+", re.ASCII)  # names of the files of a set: all files of one type


class StatementReader(FileReader):
    """Verifies files by the statements beside them, and statements by the files beside them.

    Args:
        trusted_roots: certificates of the roots to trust, PEM; empty for none.
        contents: finds modalities and hashes content.
    """

    def __init__(self, trusted_roots: bytes, contents: Contents) -> None:
        self._trusted_roots = trusted_roots
        self._contents = contents

    def verify(self, path: Path) -> Finding | None:
        if path.name.endswith(STATEMENT_SUFFIX):
            return _finding(path, *self._verify_statement(path))
        if statement_path(path).is_file():
            return _finding(path, *self._verify_statement(statement_path(path), path.name))
        return None

    def _verify_statement(
        self, path: Path, about: str | None = None
    ) -> tuple[Verdict, str, Record | Derivation | None]:
        """Verify a statement and the files beside it that it is about; return verdict, reason and record.

        Args:
            path: the statement to verify.
            about: name of a file that it must be about; None for any.
        """
        record = None
        try:
            signature, statement = open_statement(path, self._trusted_roots)
            if about not in (None, *(one["name"] for one in statement["subject"] if "sha256" in one["digest"])):
                return Verdict.UNKNOWN, f"{path.name} beside it is about another file", None
            record = _read_record(statement)
            changed, missing = self._compare(path, statement)
        except (UnrecognizedDocument, UnknownModality) as error:
            return Verdict.UNKNOWN, str(error), None
        except InvalidDocument as error:
            return Verdict.TAMPERED, str(error), None
        except OSError as error:
            return Verdict.UNKNOWN, f"cannot be read ({error.strerror or error})", None
        kind = statement["predicateType"]
        if changed:
            return Verdict.TAMPERED, f"{changed} beside it differs from what was signed", record
        if missing:
            return Verdict.UNKNOWN, f"{missing}, which it is about, is not beside it", record
        if signature.distrust:
            return Verdict.UNKNOWN_SIGNER, f"{kind} by {signature.signer}: {signature.distrust}", record
        return Verdict.TRUSTED, f"{kind} by {signature.signer}", record

    def _compare(self, path: Path, statement: Statement) -> tuple[str | None, str | None]:
        """Return the name of a subject that was changed, and of one that is missing."""
        changed = missing = None
        if not 0 < len(statement["subject"]) <= MAX_SUBJECTS:
            raise InvalidDocument(f"has {len(statement['subject'])} subjects, not 1 to {MAX_SUBJECTS}")
        for subject in statement["subject"]:
            name, digest = subject["name"], subject["digest"]
            if TREE in digest:
                found = self._set_digest(path.parent, name, _modality_of_set(statement, name))
            elif not name or Path(name).name != name:
                raise InvalidDocument(f"is about {name[:100]!r}, which is not the name of a file")
            else:
                file = path.with_name(name)
                found = {"sha256": file_digest(file)} if file.is_file() else None
            if found is None:
                missing = name
            elif found.items() - digest.items():
                changed = name
        return changed, missing

    def _set_digest(self, folder: Path, pattern: str, modality: str) -> dict[str, str] | None:
        """Return the digest of the files in a folder that match a pattern; None if there are none."""
        if not PATTERN.fullmatch(pattern):
            raise InvalidDocument(f"is about {pattern[:100]!r}, which is not a pattern of file names")
        self._contents.modality_named(modality)
        files = sorted(one for one in folder.glob(pattern) if not one.name.endswith(STATEMENT_SUFFIX))
        try:
            return {TREE: merkle_root(self._contents.digest(one, modality) for one in files)} if files else None
        except UserError as error:
            raise InvalidDocument(str(error)) from error


def open_statement(path: Path, trusted_roots: bytes) -> tuple[SignedPayload, Statement]:
    """Verify the envelope of a statement and return its signature and content.

    Raises:
        UnrecognizedDocument: if the file is not an envelope of a statement.
        InvalidDocument: if its signature or its content is invalid.
        OSError: if the file cannot be read.
    """
    check_regular(path)
    if path.stat().st_size > MAX_BYTES:
        raise InvalidDocument(f"larger than {MAX_BYTES:,} bytes")
    try:
        envelope = from_json(path.read_bytes())
    except ValueError as error:
        raise UnrecognizedDocument(f"not an envelope ({type(error).__name__})") from error
    signature = unseal(envelope, PAYLOAD_TYPE, trusted_roots)
    try:
        return signature, TypeAdapter(Statement).validate_json(signature.payload, strict=True)
    except ValueError as error:
        raise InvalidDocument(f"not a statement ({type(error).__name__})") from error


def _modality_of_set(statement: Statement, name: str) -> str:
    """Return the class name of the modality of the files of a set, the subject ``name`` of a statement."""
    renderings = statement["predicate"].get(RENDERINGS)
    rendered = renderings.get(name) if isinstance(renderings, dict) else None  # earlier versions have none
    return str(rendered or statement["predicate"].get("modality"))


def _finding(path: Path, verdict: Verdict, reason: str, record: Record | Derivation | None) -> Finding:
    """Return the finding about a file with a statement that holds a record, a derivation, or neither."""
    if not isinstance(record, Derivation):
        return Finding(str(path), verdict, reason, record)
    ingredients = () if verdict is Verdict.TAMPERED else ingredients_of(record)
    return Finding(str(path), verdict, reason, derivation=record, ingredients=ingredients)


def _read_record(statement: Statement) -> Record | Derivation | None:
    """Return the record or the derivation in a statement about one file; None for other statements."""
    parse = PARSERS.get(statement["predicateType"])
    if parse is None:
        return None
    fields = {name: value for name, value in statement["predicate"].items() if name != CREATED}
    record = parse(canonical_json(fields))
    if record is None or any(one["digest"].get(CONTENT) != record.content for one in statement["subject"]):
        raise InvalidDocument("holds no record of the file it is about")
    return record
