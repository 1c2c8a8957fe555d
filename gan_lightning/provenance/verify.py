"""Verifies the origin of files: gives one verdict a file, with its reason."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from gan_lightning.algorithms.model import Weights
from gan_lightning.errors import UserError
from gan_lightning.files import check_regular
from gan_lightning.modalities.modality import Modality
from gan_lightning.modalities.rendering import Rendering, form_of_kind
from gan_lightning.modalities.samples import Content, size
from gan_lightning.networks.styles import StyleGenerator
from gan_lightning.paths import STATEMENT_SUFFIX
from gan_lightning.provenance.contents import Contents, UnknownModality
from gan_lightning.provenance.credentials_reader import MAX_BYTES, CredentialsReader
from gan_lightning.provenance.derivations import Derivation, parse_line
from gan_lightning.provenance.distances import distance_of_first, nearest
from gan_lightning.provenance.interfaces import Registry
from gan_lightning.provenance.ledger import Ledger
from gan_lightning.provenance.records import MAX_N, Record
from gan_lightning.provenance.remaking import Remaker
from gan_lightning.provenance.statement_reader import StatementReader
from gan_lightning.provenance.verdicts import Finding, Verdict, ingredients_of
from gan_lightning.runs.checkpoints import Trained
from gan_lightning.runs.drawing import (
    DIGEST_PREFIX,
    check_memory,
    content_parts,
    count,
    names_file,
    read_conditions,
    recorded_condition,
)

NOT_SIGNED = "it has no manifest, and no statement lies beside it"
MAX_CACHED = 2**28  # numbers in generated samples that are kept for the next file of the same set

Recipe = tuple[int, int, str | None, Weights | None, float]  # seed, n, requested condition, weights, truncation


class Verifier:
    """Verifies files by their signatures, a ledger, a public registry and a checkpoint.

    Args:
        trusted_roots: certificates of the roots to trust, PEM; empty for none.
        ledger: ledger in which to look up files without a valid signature.
        checkpoint: checkpoint whose samples to generate again and compare with such files.
        seed: seed of the samples, for files without a record.
        n: number of samples generated together, for files without a record.
        condition: requested condition, for files without a record; None if there was none.
        packages: packages with modalities of the user.
        registry: registry in which to look up all files but statements; None for none.
        remaker: makes the image of a photo again, to compare it with such files instead of samples; None for samples.
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
        registry: Registry | None = None,
        remaker: Remaker | None = None,
    ) -> None:
        if checkpoint and condition is not None:
            _check_condition(checkpoint, condition, n, seed)
        self._contents = Contents(packages, type(checkpoint.data.modality) if checkpoint else None)
        self._readers = (CredentialsReader(trusted_roots), StatementReader(trusted_roots, self._contents))
        self._ledger = ledger
        self._registry = registry
        self._remaker = remaker
        self._checkpoint = checkpoint
        self._claimed: Recipe = (seed, n, condition, None, 1.0)
        self._cached: tuple[Recipe, dict[type[Modality], list[Content]]] | None = None

    def verify(self, path: Path) -> Finding:
        """Return the finding about a file or a statement; errors of reading give the verdict ``UNKNOWN``.

        Raises:
            UserError: if the registry does not answer.
        """
        finding = self._verify_file(path)
        if self._registry is None or path.name.endswith(STATEMENT_SUFFIX):
            return finding
        return _look_up(self._registry, path, finding)

    def _verify_file(self, path: Path) -> Finding:
        is_statement = path.name.endswith(STATEMENT_SUFFIX)
        try:
            check_regular(path)
            finding = next((one for reader in self._readers if (one := reader.verify(path))), None)
            if finding is None:
                finding = Finding(str(path), Verdict.UNKNOWN, _not_signed(path))
            finding = self._check_content(finding, path.with_name(path.name.removesuffix(STATEMENT_SUFFIX)))
            if finding.verdict is not Verdict.UNKNOWN or is_statement:
                return finding
            found = self._verify_content(path, finding)
            return self._verify_source(path, found) if found.verdict is Verdict.UNKNOWN else found
        except OSError as error:
            return Finding(str(path), Verdict.UNKNOWN, f"cannot be read ({error.strerror or error})")

    def _check_content(self, finding: Finding, path: Path) -> Finding:
        """Compare the content of a file with its record; return the finding, or one of ``TAMPERED`` if they differ."""
        record = finding.record or finding.derivation
        if record is None or record.content is None or finding.verdict is Verdict.TAMPERED or not path.is_file():
            return finding
        try:
            same = self._contents.digest(path, record.modality) == record.content
        except UnknownModality as error:
            return replace(finding, reason=f"{finding.reason}; its content was not compared with its record: {error}")
        except UserError:
            same = False
        if same:
            return finding
        return replace(finding, verdict=Verdict.TAMPERED, reason="its record is about other content", ingredients=())

    def _verify_content(self, path: Path, finding: Finding) -> Finding:
        """Look the content of a file up in the ledger, and compare it with samples of the checkpoint.

        Args:
            path: the file to verify.
            finding: the finding by its signature, of verdict ``UNKNOWN``.
        """
        if self._ledger is None and self._checkpoint is None:
            return finding
        try:
            found = self._in_ledger(self._contents.digest(path), finding)
            if found is None and (regenerated := self.regenerates(path, finding.record)):
                found = replace(finding, verdict=regenerated[0], reason=regenerated[1])
            return found or finding
        except UserError as error:
            return _with_problem(finding, path, error)

    def _verify_source(self, path: Path, finding: Finding) -> Finding:
        """Make the image again from its source, if there is one, and compare it with the file."""
        if self._remaker is None:
            return finding
        try:
            same = self._remaker.compare(path, finding.derivation)
        except UserError as error:
            return _with_problem(finding, path, error)
        return replace(finding, verdict=Verdict.REGENERATES, reason=same) if same else finding

    def _in_ledger(self, digest: str, finding: Finding) -> Finding | None:
        """Return the finding ``IN_LEDGER`` if a trusted signer has added a record of the content; None otherwise."""
        found = self._ledger.find(digest) if self._ledger else None
        if self._ledger is None or found is None or not found[1].signature.trusted:
            return None
        index, root = found
        signer, when = root.signature.signer, root.claim.when
        reason = f"record {index:,}, added by {signer}, {when} by their clock"
        held = parse_line(self._ledger.lines[index])
        if isinstance(held, Derivation):
            finding = replace(finding, derivation=held, ingredients=ingredients_of(held))
        return replace(finding, verdict=Verdict.IN_LEDGER, reason=reason)

    def regenerates(self, path: Path, record: Record | None) -> tuple[Verdict, str] | None:
        """Return the verdict ``REGENERATES`` if the checkpoint generates the same content; None otherwise.

        Args:
            path: the file to compare with.
            record: the recipe of the samples; None for the seed of the Verifier.

        Raises:
            UserError: if the file cannot be read as content of the checkpoint's modality or of a rendering of it, or
                the record names a condition in another file than the Verifier.
        """
        if self._checkpoint is None or self._remaker is not None:
            return None
        modality, known = self._checkpoint.data.modality, self._contents.modality_of(path)
        form = form_of_kind(modality, known)
        if form is None:
            raise UserError(f"the checkpoint generates {type(modality).__name__}, and this is {known.__name__}")
        wanted = self._contents.read(path, form.modality)
        recipe = self._recipe(record) if record else self._claimed
        if recipe is None:
            return None
        parts = self._generate(recipe, form)
        found = nearest(parts, wanted) if size(wanted) == 1 else distance_of_first(parts, wanted)
        if found is None or not found[1] <= form.modality.tolerance:
            return None
        index, distance = found
        which = f"sample {index}" if size(wanted) == 1 else f"samples {index} to {index + size(wanted) - 1}"
        how = "bit for bit" if distance == 0 else f"each number within {form.modality.tolerance}"
        return Verdict.REGENERATES, f"{which} of {recipe[1]} with seed {recipe[0]}, {how}"

    def _recipe(self, record: Record) -> Recipe | None:
        """Return the recipe in a record; None if it names another checkpoint, or something that the model cannot do."""
        assert self._checkpoint is not None
        about_it = record.checkpoint == self._checkpoint.digest and record.weights in self._checkpoint.model.weights
        if not about_it or not (record.index or 0) < record.n <= MAX_N:
            return None
        if record.truncation != 1 and not isinstance(self._checkpoint.model.generator, StyleGenerator):
            return None
        condition = record.condition
        if condition is not None and condition.startswith(DIGEST_PREFIX):
            if recorded_condition(self._checkpoint.data, self._claimed[2]) != condition:
                raise UserError("its record names a condition in a file: give that file with --condition")
            condition = self._claimed[2]
        elif condition is not None and names_file(self._checkpoint.data, condition):
            return None  # a foreign record must not make us read a file
        return record.seed, record.n, condition, record.weights, record.truncation

    def _generate(self, recipe: Recipe, form: Rendering) -> Iterable[Content]:
        """Return the samples of a recipe in one of their forms, in parts; cache them if they are small."""
        assert self._checkpoint is not None
        if self._cached is None or self._cached[0] != recipe:
            self._cached = recipe, {}
        cached, kind = self._cached[1], type(form.modality)
        if kind in cached:
            return cached[kind]
        seed, n, requested, weights, truncation = recipe
        check_memory(self._checkpoint, n, requested)
        condition = read_conditions(self._checkpoint.data, requested, n, seed)
        parts = map(form.render, content_parts(self._checkpoint, n, condition, seed, weights, truncation))
        if n * count(form.modality.content_shape) > MAX_CACHED:
            return parts
        cached[kind] = list(parts)
        return cached[kind]


def _look_up(registry: Registry, path: Path, finding: Finding) -> Finding:
    """Add the registration of a file to its finding, with the verdict ``REGISTERED`` if no stronger one holds."""
    try:
        artifact = registry.artifact(path)
    except UserError as error:
        return replace(finding, reason=f"{finding.reason}; not looked up on chain: {error}")
    registration = registry.find(artifact)
    if registration is None:
        return finding
    verdict, reason, text = finding.verdict, finding.reason, registration.description
    if registration.distrust:
        reason = f"{reason}; {text}; {registration.distrust}"
    elif verdict is Verdict.UNKNOWN:
        verdict, reason = Verdict.REGISTERED, text
    elif verdict is Verdict.REGENERATES:
        verdict, reason = Verdict.REGISTERED, f"{text}; regenerates from the checkpoint: {reason}"
    else:
        reason = f"{reason}; {text}"
    return replace(finding, verdict=verdict, reason=reason, registration=registration)


def _with_problem(finding: Finding, path: Path, error: UserError) -> Finding:
    return replace(finding, reason=f"{finding.reason}; {str(error).removeprefix(f'{path}: ')}")


def _not_signed(path: Path) -> str:
    if path.stat().st_size > MAX_BYTES:
        return f"larger than {MAX_BYTES:,} bytes, not searched for a manifest, and no statement lies beside it"
    return NOT_SIGNED


def _check_condition(checkpoint: Trained, condition: str, n: int, seed: int) -> None:
    try:
        read_conditions(checkpoint.data, condition, n, seed)
    except UserError as error:
        raise UserError(f"--condition {str(error).removeprefix('condition=')}") from error
