"""Where a picture comes from, as far as it can be proved: one verdict a file, with its reason."""

import functools
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gan_lightning.algorithms.model import GenerativeModel, Weights
from gan_lightning.data.datamodule import to_uint8
from gan_lightning.data.image_folder import FORMATS, is_picture
from gan_lightning.errors import UserError
from gan_lightning.files import check_regular
from gan_lightning.provenance import statements
from gan_lightning.provenance.credentials import RECORD, Record, parse, plain_pixels
from gan_lightning.provenance.ledger import Ledger
from gan_lightning.provenance.verdicts import Finding, Verdict
from gan_lightning.runs.checkpoints import Trained

MAX_N = 2**17  # samples drawn together: a record from elsewhere may ask for any number
MAX_BYTES = 2**28
PNG, PNG_MIME = b"\x89PNG\r\n\x1a\n", "image/png"
CHUNK = b"caBX"  # of a PNG: where its manifest is
TOLERANCE = 1  # of 255, by which other hardware may round a pixel elsewhere


@dataclass(frozen=True)
class Credentials:
    """A picture's manifest, as C2PA's reader tells it."""

    state: str  # Trusted, Valid or Invalid
    failures: Sequence[str]  # codes
    signer: str
    record: Record | None


class Verifier:
    """Judges files.

    Args:
        anchors: certificates of the roots to trust, PEM; empty for none.
        ledger: where records may be of pictures that have lost theirs.
        checkpoint: to draw samples of again.
        seed: what to draw for pictures that have lost their record.
        n: how many.
        label: of which class; None for random ones where the model wants some.
    """

    def __init__(
        self,
        anchors: bytes,
        ledger: Ledger | None = None,
        checkpoint: Trained | None = None,
        seed: int = 0,
        n: int = 64,
        label: int | None = None,
    ) -> None:
        if checkpoint and label is not None and not _knows(checkpoint.model, label):
            classes = checkpoint.model.num_classes
            raise UserError(
                f"--label {label}: the model knows {classes or 'no'} classes: leave it out, or take one of those"
            )
        trust = {"user_anchors": anchors.decode()} if anchors else {}
        settings = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}, "trust": trust}
        self._context = c2pa.Context.from_dict(settings)
        self._anchors = anchors
        self._ledger = ledger
        self._checkpoint = checkpoint
        self._claimed = (seed, n, label, None)
        self._samples = functools.lru_cache(maxsize=1)(self._draw)

    def judge(self, path: Path) -> Finding:
        """The verdict on a picture, on a statement, or on a file that has a statement beside it."""
        if path.name.endswith(statements.SUFFIX):
            return Finding(str(path), *statements.judge(path, self._anchors))
        if not is_picture(path.name) and statements.beside(path).is_file():
            return Finding(str(path), *statements.judge(statements.beside(path), self._anchors, path.name))
        try:
            content = _content(path)
            credentials = self._read(content)
        except OSError as error:
            return Finding(str(path), Verdict.UNKNOWN, f"cannot be read ({error.strerror or error})")
        except c2pa.C2paError as error:
            if content.startswith(PNG) and CHUNK in content:
                reason = f"its manifest cannot be read ({' '.join(str(error).split())})"
                return Finding(str(path), Verdict.TAMPERED, reason)
            credentials = None
        if credentials is None:
            return Finding(str(path), *self._without(path))
        return Finding(str(path), *self._with(path, credentials), credentials.record)

    def _with(self, path: Path, credentials: Credentials) -> tuple[Verdict, str]:
        """The verdict on a picture with a manifest, and its reason."""
        failures = ", ".join(credentials.failures)
        about_the_signer = [code for code in credentials.failures if code.startswith("signingCredential.")]
        if credentials.state == "Invalid" and (not failures or about_the_signer != credentials.failures):
            return Verdict.TAMPERED, failures or "its manifest cannot be read"
        if credentials.record and _digest(path) != credentials.record.pixels:
            return Verdict.TAMPERED, "its record is about other pixels"
        if credentials.state == "Trusted":
            return Verdict.TRUSTED, f"signed by {credentials.signer}"
        if credentials.state == "Valid":
            return Verdict.UNKNOWN_SIGNER, f"{credentials.signer}, by a certificate of no trusted root"
        found = self._elsewhere(path, credentials.record)
        return found or (Verdict.UNKNOWN, f"its signature does not count: {failures}")

    def _without(self, path: Path) -> tuple[Verdict, str]:
        """The verdict on a picture without a manifest, and its reason."""
        return self._elsewhere(path, None) or (Verdict.UNKNOWN, "it has no manifest")

    def _elsewhere(self, path: Path, record: Record | None) -> tuple[Verdict, str] | None:
        """What the ledger or the checkpoint know of the pixels alone; the reason where these are none to go by."""
        try:
            digest, pixels = plain_pixels(path)
        except UserError as error:
            return Verdict.UNKNOWN, str(error).removeprefix(f"{path}: ")
        return self._in_ledger(digest) or self._regenerates(pixels, record)

    def _in_ledger(self, digest: str) -> tuple[Verdict, str] | None:
        """Whether somebody who is trusted has put a picture with those pixels into the ledger."""
        found = self._ledger.find(digest) if self._ledger else None
        if found is None or not found[1].opened.trusted:
            return None
        index, root = found
        return Verdict.IN_LEDGER, f"record {index:,}, added by {root.opened.signer}, {root.said.when} by their clock"

    def _read(self, content: bytes) -> Credentials | None:
        """None where there is no manifest."""
        try:
            reader = c2pa.Reader(_mime(content), io.BytesIO(content), context=self._context)
        except c2pa.C2paError as error:
            if "ManifestNotFound" in str(error):
                return None
            raise
        with reader:
            store, state = json.loads(reader.json()), str(reader.get_validation_state())
        manifest = store.get("manifests", {}).get(store.get("active_manifest"), {})
        results = store.get("validation_results", {}).get("activeManifest", {})
        failures = [one["code"] for one in results.get("failure", [])]
        info = manifest.get("signature_info", {})
        signer = ", ".join(info[key] for key in ("common_name", "issuer") if info.get(key))
        return Credentials(state, failures, signer, _record(manifest))

    def _regenerates(self, pixels: np.ndarray, record: Record | None) -> tuple[Verdict, str] | None:
        """Whether the checkpoint draws the same picture, by its record or by what is claimed."""
        if self._checkpoint is None or (record and not _can_draw(record, self._checkpoint)):
            return None
        recipe = (record.seed, record.n, record.label, record.weights) if record else self._claimed
        samples = self._samples(*recipe)
        height, width, *_ = pixels.shape
        wanted = torch.from_numpy(pixels).view(height, width, -1).permute(2, 0, 1)
        if wanted.shape != samples.shape[1:]:
            return None
        distances = (samples.int() - wanted.int()).abs().flatten(1).amax(1)
        distance, index = (int(value) for value in distances.min(0))
        if distance > TOLERANCE:
            return None
        how = "bit for bit" if distance == 0 else f"within {TOLERANCE} of 255"
        return Verdict.REGENERATES, f"sample {index} of {recipe[1]} with seed {recipe[0]}, {how}"

    def _draw(self, seed: int, n: int, label: int | None, weights: Weights | None) -> Tensor:
        """Samples (n, C, H, W) uint8."""
        assert self._checkpoint is not None
        labels = None if label is None else torch.full((n,), label)
        return to_uint8(self._checkpoint.model.sample(n, labels, seed=seed, weights=weights))


def _can_draw(record: Record, checkpoint: Trained) -> bool:
    """Whether it is about the checkpoint and asks for what that has."""
    model = checkpoint.model
    of_it = record.checkpoint == checkpoint.digest and record.weights in model.weights
    return of_it and record.index < record.n <= MAX_N and (record.label is None or _knows(model, record.label))


def _knows(model: GenerativeModel, label: int) -> bool:
    return model.num_classes is not None and 0 <= label < model.num_classes


def _content(path: Path) -> bytes:
    check_regular(path)
    if path.stat().st_size > MAX_BYTES:
        raise OSError(f"larger than {MAX_BYTES:,} bytes")
    return path.read_bytes()


def _mime(content: bytes) -> str:
    """Of a picture, by what is in it: a forger chooses names; a PNG's where it is none."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            return picture.get_format_mimetype() or PNG_MIME
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return PNG_MIME


def _digest(path: Path) -> str | None:
    """Of a picture's pixels; None where it has none to go by."""
    try:
        return plain_pixels(path)[0]
    except UserError:
        return None


def _record(manifest: dict[str, Any]) -> Record | None:
    """What our assertion says; None where there is none, or it is none of ours."""
    for assertion in manifest.get("assertions", []):
        if assertion.get("label") == RECORD:
            try:
                return parse(assertion["data"]["json"])
            except (LookupError, TypeError):
                return None
    return None
