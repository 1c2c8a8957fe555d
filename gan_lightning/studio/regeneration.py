"""Finds the run that generated a file, and generates the sample again; runs in the worker process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_lightning.errors import UserError, printable
from gan_lightning.files import file_digest
from gan_lightning.paths import LAST_CHECKPOINT, STATEMENT_SUFFIX

if TYPE_CHECKING:  # takes seconds to import
    from gan_lightning.provenance.records import Record
    from gan_lightning.studio.worker_process import Toolbox

MAX_REGENERATED = 1024  # samples of one seed that are generated to compare one of them
MAX_HASHED_BYTES = 2**31  # of checkpoints that no model card names

_digests: dict[tuple[str, int, int], str] = {}  # of checkpoints, by path, time and size


@dataclass(frozen=True)
class Candidate:
    """Run that may have generated a file.

    Attributes:
        id: id of the run in the library.
        name: name of the run.
        path: its folder.
        digest: SHA-256 of its checkpoint, as its model card says; None if it does not say.
    """

    id: str
    name: str
    path: Path
    digest: str | None


def find_run(record: Record | None, runs: Sequence[Candidate]) -> Candidate | None:
    """Return the run with the checkpoint that a record names; None if there is none.

    The checkpoints of runs without a model card are hashed, as long as they are not too large.
    """
    if record is None:
        return None
    budget = MAX_HASHED_BYTES
    for run in runs:
        digest = run.digest
        if digest is None:
            digest, size = _hash_checkpoint(run.path, budget)
            budget -= size
        if digest == record.checkpoint:
            return run
    return None


def _hash_checkpoint(run: Path, most: int) -> tuple[str | None, int]:
    """Return the SHA-256 of the checkpoint of a run, and the bytes that were read; None if it is missing or larger."""
    path = run / LAST_CHECKPOINT
    try:
        found = path.stat()
        key = str(path), found.st_mtime_ns, found.st_size
        if key in _digests:
            return _digests[key], 0
        if found.st_size > most:
            return None, 0
        _digests[key] = file_digest(path)
        return _digests[key], found.st_size
    except OSError:
        return None, 0


def regenerate(toolbox: Toolbox, run: Candidate | None, path: Path, record: Record | None) -> dict[str, Any]:
    """Generate a sample again and compare it with a file; return if they are the same, and a message."""
    from gan_lightning.provenance.verify import Verifier
    from gan_lightning.runs.drawing import DIGEST_PREFIX

    def answer(same: bool, message: str) -> dict[str, Any]:
        return {"same": same, "message": message}

    if record is None:
        return answer(False, "no record says how it was generated")
    if run is None:
        return answer(False, "no run here has the checkpoint that its record names")
    if path.name.endswith(STATEMENT_SUFFIX):
        return answer(False, "the file is needed to compare it: give it together with its statement")
    if record.n > MAX_REGENERATED:
        return answer(False, f"{record.n:,} samples were generated together: gan-verify --checkpoint compares so many")
    if (record.condition or "").startswith(DIGEST_PREFIX):
        return answer(False, "its record names a condition in a file: gan-verify --condition takes that file")
    try:
        trained = toolbox.load(run.path)
        if trained.digest != record.checkpoint:
            return answer(False, "the run has another checkpoint by now")
        verifier = Verifier(b"", checkpoint=trained, packages=toolbox.trust_code)
        found = verifier.regenerates(path, record)
    except UserError as error:
        return answer(False, shown(str(error), path, "the file"))
    return answer(True, found[1]) if found else answer(False, "the checkpoint generates another sample by this recipe")


def shown(text: str, path: Path, name: str) -> str:
    """Return a message with the visitor's name of a file in place of ours."""
    return printable(text.replace(f"{path.parent}/", "").replace(path.name, name))
