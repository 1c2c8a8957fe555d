"""Finds out where a file comes from, as far as that can be proved: one verdict a file, with its reason."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from gan_lightning.algorithms.model import Weights
from gan_lightning.errors import UserError
from gan_lightning.files import check_regular
from gan_lightning.modalities.samples import Content, leaves, size, take
from gan_lightning.paths import STATEMENT_SUFFIX
from gan_lightning.provenance.contents import Contents, UnknownModality
from gan_lightning.provenance.credentials import MAX_BYTES, CredentialsReader
from gan_lightning.provenance.ledger import Ledger
from gan_lightning.provenance.records import MAX_N, Record
from gan_lightning.provenance.statement_reader import StatementReader
from gan_lightning.provenance.verdicts import Finding, Verdict
from gan_lightning.runs.checkpoints import Trained
from gan_lightning.runs.drawing import (
    OF_FILE,
    check_memory,
    content_parts,
    count,
    names_file,
    read_conditions,
    recorded_condition,
)

NOT_SIGNED = "it has no manifest, and no statement lies beside it"
KEPT = 2**28  # numbers of drawn samples, for the next file of the same set

Recipe = tuple[int, int, str | None, Weights | None]  # seed, n, condition as asked for, weights


class Verifier:
    """Judges files.

    Args:
        trusted_roots: certificates of the roots to trust, PEM; empty for none.
        ledger: with records of files that may have lost theirs.
        checkpoint: to draw samples of again.
        seed: what to draw for files that have lost their record.
        n: how many.
        condition: what was asked for, if anything was.
        packages: of the user's own, with further modalities.
    """

    def __init__(
        self,
        trusted_roots: bytes,
        ledger: Ledger | None = None,
        checkpoint: Trained | None = None,
        seed: int = 0,
        n: int = 64,
        condition: str | None = None,
        packages: Sequence[str] = (),
    ) -> None:
        if checkpoint and condition is not None:
            _check_condition(checkpoint, condition, n, seed)
        self._contents = Contents(packages, type(checkpoint.data.modality) if checkpoint else None)
        self._readers = (CredentialsReader(trusted_roots), StatementReader(trusted_roots, self._contents))
        self._ledger = ledger
        self._checkpoint = checkpoint
        self._claimed: Recipe = (seed, n, condition, None)
        self._kept: tuple[Recipe, list[Content]] | None = None

    def verify(self, path: Path) -> Finding:
        """Return the verdict on a file, by what is in it or beside it, or on a statement."""
        is_statement = path.name.endswith(STATEMENT_SUFFIX)
        try:
            check_regular(path)
            found = next((one for reader in self._readers if (one := reader.verify(path))), None)
            if found is None:
                found = Finding(str(path), Verdict.UNKNOWN, _not_signed(path))
            found = self._compare(found, path.with_name(path.name.removesuffix(STATEMENT_SUFFIX)))
            if found.verdict is not Verdict.UNKNOWN or is_statement:
                return found
            verdict, reason = self._elsewhere(path, found.record, found.reason)
            return replace(found, verdict=verdict, reason=reason)
        except OSError as error:
            return Finding(str(path), Verdict.UNKNOWN, f"cannot be read ({error.strerror or error})")

    def _compare(self, found: Finding, path: Path) -> Finding:
        """Return a finding, or that its record is about something else than a file shows."""
        if found.record is None or found.verdict is Verdict.TAMPERED or not path.is_file():
            return found
        try:
            same = self._contents.digest(path, found.record.modality) == found.record.content
        except UnknownModality as error:
            return replace(found, reason=f"{found.reason}; what it shows was not compared with its record: {error}")
        except UserError:
            same = False
        return found if same else replace(found, verdict=Verdict.TAMPERED, reason="its record is about other content")

    def _elsewhere(self, path: Path, record: Record | None, otherwise: str) -> tuple[Verdict, str]:
        """Return what the ledger or the checkpoint know of the content alone.

        Args:
            path: of the file.
            record: of it, from somebody who cannot be trusted.
            otherwise: why the verdict is unknown if they know nothing.
        """
        if self._ledger is None and self._checkpoint is None:
            return Verdict.UNKNOWN, otherwise
        try:
            digest = self._contents.digest(path)
            return self._in_ledger(digest) or self._regenerates(path, record) or (Verdict.UNKNOWN, otherwise)
        except UserError as error:
            return Verdict.UNKNOWN, f"{otherwise}; {str(error).removeprefix(f'{path}: ')}"

    def _in_ledger(self, digest: str) -> tuple[Verdict, str] | None:
        """Return the verdict if somebody who is trusted has put a file with that content into the ledger."""
        found = self._ledger.find(digest) if self._ledger else None
        if found is None or not found[1].signature.trusted:
            return None
        index, root = found
        return (
            Verdict.IN_LEDGER,
            f"record {index:,}, added by {root.signature.signer}, {root.claim.when} by their clock",
        )

    def _regenerates(self, path: Path, record: Record | None) -> tuple[Verdict, str] | None:
        """Return the verdict if the checkpoint draws the same content, by its record or by what is claimed."""
        if self._checkpoint is None:
            return None
        modality, known = self._checkpoint.data.modality, self._contents.of(path)
        if not isinstance(modality, known):
            raise UserError(f"the checkpoint makes {type(modality).__name__}, and this is {known.__name__}")
        wanted = self._contents.read(path, modality)
        recipe = self._recipe(record) if record else self._claimed
        if recipe is None:
            return None
        parts = self._drawn(recipe)
        found = _nearest(parts, wanted) if size(wanted) == 1 else _first(parts, wanted)
        if found is None or not found[1] <= modality.tolerance:
            return None
        index, distance = found
        which = f"sample {index}" if size(wanted) == 1 else f"samples {index} to {index + size(wanted) - 1}"
        how = "bit for bit" if distance == 0 else f"each number within {modality.tolerance}"
        return Verdict.REGENERATES, f"{which} of {recipe[1]} with seed {recipe[0]}, {how}"

    def _recipe(self, record: Record) -> Recipe | None:
        """Return what a record asks to draw; None if it is not about the checkpoint or asks for what that has not."""
        assert self._checkpoint is not None
        about_it = record.checkpoint == self._checkpoint.digest and record.weights in self._checkpoint.model.weights
        if not about_it or not (record.index or 0) < record.n <= MAX_N:
            return None
        asked = record.condition
        if asked is not None and asked.startswith(OF_FILE):
            if recorded_condition(self._checkpoint.data, self._claimed[2]) != asked:
                raise UserError("its record asks for the condition in a file: --condition, with that file")
            asked = self._claimed[2]
        elif asked is not None and names_file(self._checkpoint.data, asked):  # a record from elsewhere has no file read
            return None
        return record.seed, record.n, asked, record.weights

    def _drawn(self, recipe: Recipe) -> Iterable[Content]:
        """Return the content of samples, some at a time; a small set is kept."""
        assert self._checkpoint is not None
        if self._kept and self._kept[0] == recipe:
            return self._kept[1]
        seed, n, asked, weights = recipe
        check_memory(self._checkpoint, n, asked)
        condition = read_conditions(self._checkpoint.data, asked, n, seed)
        parts = content_parts(self._checkpoint, n, condition, seed, weights)
        if n * count(self._checkpoint.data.modality.content_shape) > KEPT:
            return parts
        self._kept = recipe, list(parts)
        return self._kept[1]


def _not_signed(path: Path) -> str:
    if path.stat().st_size > MAX_BYTES:
        return f"larger than {MAX_BYTES:,} bytes, not searched for a manifest, and no statement lies beside it"
    return NOT_SIGNED


def _check_condition(checkpoint: Trained, condition: str, n: int, seed: int) -> None:
    try:
        read_conditions(checkpoint.data, condition, n, seed)
    except UserError as error:
        raise UserError(f"--condition {str(error).removeprefix('condition=')}") from error


def _nearest(parts: Iterable[Content], wanted: Content) -> tuple[int, float]:
    """Return the index of the sample that is nearest to a wanted one, and by how much it is off."""
    distances = torch.cat([_distances(part, wanted) for part in parts])
    index = int(distances.argmin())
    return index, float(distances[index])


def _first(parts: Iterable[Content], wanted: Content) -> tuple[int, float] | None:
    """Return by how much the first samples are off those wanted, as ``_nearest``; None if there are not as many."""
    start, distance = 0, 0.0
    for part in parts:
        rows = take(part, slice(size(wanted) - start))
        end = start + size(rows)
        distance = max(distance, float(_distances(rows, take(wanted, slice(start, end))).max()))
        start = end
        if start == size(wanted):
            return 0, distance
    return None


def _distances(content: Content, wanted: Content) -> Tensor:
    """Return for each sample (n,) the largest difference of a number from the wanted one."""
    found = []
    for one, other in zip(leaves(content), leaves(wanted), strict=True):
        exact = torch.promote_types(one.dtype, torch.int32)
        found.append((one.to(exact) - other.to(exact)).abs().reshape(len(one), -1).amax(1).double())
    return torch.stack(found).amax(0).nan_to_num(torch.inf)
