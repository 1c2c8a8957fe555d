"""Signs images that were made from other images, which their signed manifests list as ingredients."""

import hashlib
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gan_lightning.errors import UserError, explain_os_error, printable
from gan_lightning.modalities.image import Images
from gan_lightning.provenance.credentials import (
    ANY_TYPE,
    DERIVATION,
    DIGEST_PREFIX,
    SOFTWARE,
    CredentialsWriter,
    IngredientFile,
    assertion,
    model_ingredient,
)
from gan_lightning.provenance.credentials_reader import MAX_BYTES
from gan_lightning.provenance.derivations import Derivation, Model, Role, Setting, Source
from gan_lightning.provenance.identity import Identity
from gan_lightning.provenance.records import config_digest
from gan_lightning.provenance.statements import attest_derivation
from gan_lightning.runs.checkpoints import Trained

# Of the IPTC's terms, https://cv.iptc.org/newscodes/digitalsourcetype: "augmentation, correction or enhancement using
# a generative AI model". The term algorithmicallyEnhanced is for algorithms such as sharpening, which invent nothing.
EDITED_BY_MODEL = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
MEDIA_TYPES = {  # by the first bytes of a file
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"RIFF": "image/webp",
    b"GIF8": "image/gif",
    b"II*\x00": "image/tiff",
    b"MM\x00*": "image/tiff",
}
MODEL_LABEL = "model"  # of an ingredient, within the definition of a manifest


def model_of(trained: Trained) -> Model:
    """Return the model in a checkpoint, as derivations name it."""
    return Model(printable(trained.path.name), trained.digest, config_digest(trained.config))


def sign_derived(
    path: Path,
    sources: Sequence[tuple[Path, Role]],
    identity: Identity,
    *,
    method: str,
    model: Model,
    settings: dict[str, Setting],
    unfinished: Path | None = None,
) -> Derivation:
    """Sign an image that was made from others, and return its derivation.

    The manifest in the file lists the sources as ingredients, each with the credentials that it has itself. A file of a
    type that cannot hold a manifest gets a statement beside it, which names the sources by their digests.

    Args:
        path: path of the image to sign.
        sources: the image files it was made from, each with its role. One of them, the image that was changed, must be
            ``parentOf``.
        identity: the identity that signs.
        method: what was done, such as ``super-resolution``.
        model: the model that did it.
        settings: settings by which the model makes the same image again.
        unfinished: path of the image as long as it is not renamed to ``path``; None if it has its final name.

    Raises:
        UserError: if a source cannot be read, or the image cannot be signed.
    """
    if [role for _, role in sources].count("parentOf") != 1:
        raise ValueError(f"{sources}: one source must be parentOf: the image that was changed")
    file = unfinished or path
    contents = [_read(source) for source, _ in sources]
    named = [
        Source(printable(source.name), role, hashlib.sha256(content).hexdigest())
        for (source, role), content in zip(sources, contents, strict=True)
    ]
    derivation = Derivation(method, model, tuple(named), settings, Images.__name__, _content_digest(file))
    media_type = _media_type(file)
    if not CredentialsWriter.supports(media_type) or file.stat().st_size > MAX_BYTES:
        attest_derivation(identity, path, derivation, file)
        return derivation
    ingredients = [
        IngredientFile(_definition(i, source), _media_type(source_path), content)
        for i, (source, (source_path, _), content) in enumerate(zip(named, sources, contents, strict=True))
    ]
    for problem in CredentialsWriter(identity, media_type).write(file, _manifest(derivation), ingredients):
        print(printable(f"warning: {path.name}: is signed without the credentials of {problem}"), file=sys.stderr)
    return derivation


def _manifest(derivation: Derivation) -> dict[str, Any]:
    """Return the definition of a manifest: the parent was opened, then edited by the model with the other inputs."""
    labels: dict[Role, list[str]] = {"parentOf": [], "inputTo": [MODEL_LABEL]}
    for i, source in enumerate(derivation.sources):
        labels[source.role].append(_label(i))
    when = datetime.now(UTC).isoformat(timespec="seconds")
    opened = {"action": "c2pa.opened", "when": when, "parameters": {"ingredientIds": labels["parentOf"]}}
    edited = {
        "action": "c2pa.edited",
        "when": when,
        "softwareAgent": SOFTWARE,
        "digitalSourceType": EDITED_BY_MODEL,
        "description": derivation.method,
        "parameters": {"ingredientIds": labels["inputTo"]},
    }
    model = model_ingredient(derivation.model.name, derivation.model.digest) | {"label": MODEL_LABEL}
    actions = {"label": "c2pa.actions", "data": {"actions": [opened, edited]}}
    return {
        "claim_generator_info": [SOFTWARE],
        "ingredients": [model],
        "assertions": [actions, assertion(DERIVATION, derivation)],
    }


def _definition(index: int, source: Source) -> dict[str, Any]:
    """Return the definition of the ingredient that stands for a source."""
    return {
        "title": source.name,
        "relationship": source.role,
        "instance_id": f"{DIGEST_PREFIX}{source.digest}",
        "label": _label(index),
    }


def _label(index: int) -> str:
    """Return the label by which actions refer to a source, within the definition of a manifest."""
    return f"source{index}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"sign=true: {path}: cannot be read as a source: {explain_os_error(error)}") from error


def _content_digest(path: Path) -> str | None:
    """Return the digest of the content of an image; None if it has none, as images of 16 bits a channel."""
    try:
        return Images.digest(path)
    except UserError:
        return None


def _media_type(path: Path) -> str:
    """Return the media type of an image file by its content; ``ANY_TYPE`` for types that hold no manifest."""
    with path.open("rb") as file:
        start = file.read(max(map(len, MEDIA_TYPES)))
    return next((one for signature, one in MEDIA_TYPES.items() if start.startswith(signature)), ANY_TYPE)
