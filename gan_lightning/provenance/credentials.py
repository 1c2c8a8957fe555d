"""Content credentials: a signed C2PA manifest in each picture, that says which model made it and how.

The specification is at https://spec.c2pa.org; any of its readers can read them, and knows the picture as made by a
trained algorithm. What only this project understands is one assertion, a :class:`Record`.
"""

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import c2pa
import numpy as np
from PIL import ExifTags, Image
from pydantic import Field, TypeAdapter

from gan_lightning import __version__
from gan_lightning.algorithms.model import Weights
from gan_lightning.errors import UserError
from gan_lightning.modalities.image import open_image
from gan_lightning.provenance.identity import Identity
from gan_lightning.runs.checkpoints import Trained

RECORD = "org.gan-lightning.sample"  # label of our assertion
SOFTWARE = {"name": "gan-lightning", "version": __version__}
TRAINED_ALGORITHM = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
ODD = "shows something else than its plain pixels, by frames, a palette, transparency, a profile or EXIF"
SETTINGS = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
    "builder": {"thumbnail": {"enabled": False}, "created_assertion_labels": ["c2pa.actions", RECORD]},
}


@dataclass(frozen=True)
class Record:
    """How to make one sample again, and what it is. All digests are SHA-256, hexadecimal.

    Args:
        checkpoint: digest of the file.
        config: digest of the config in it, as canonical JSON.
        weights: of the averaged generator (``ema``) or the trained one (``raw``).
        seed: of the latents: rows of ``prior(n, latent_dim)`` with torch's CPU generator.
        n: how many latents were drawn together.
        index: which of them this is.
        label: the class that was asked for, if one was; else random ones of the same seed.
        pixels: digest of :func:`pixel_digest`.
        version: of the project.
    """

    checkpoint: str
    config: str
    weights: Weights
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    n: Annotated[int, Field(gt=0)]
    index: Annotated[int, Field(ge=0)]
    label: Annotated[int, Field(ge=0)] | None
    pixels: str
    version: str = __version__


_RECORD = TypeAdapter(Record)


class PictureSigner:
    """Puts credentials into pictures. Not to be used across a fork.

    Args:
        identity: who signs.
        checkpoint: the file that the pictures come from.
    """

    def __init__(self, identity: Identity, checkpoint: Path) -> None:
        self._signer = c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(alg=b"es256", sign_cert=identity.chain, private_key=identity.key, ta_url=None)
        )
        self._context = c2pa.Context.from_dict(SETTINGS)
        self._checkpoint = checkpoint

    def sign(self, picture: bytes, record: Record) -> bytes:
        """A PNG with credentials, from one without."""
        manifest = {
            "claim_generator_info": [SOFTWARE],
            "ingredients": [
                {
                    "title": self._checkpoint.name,
                    "format": "application/octet-stream",
                    "relationship": "inputTo",
                    "instance_id": f"sha256:{record.checkpoint}",
                    "data_types": [{"type": "c2pa.types.model.pytorch"}],
                }
            ],
            "assertions": [
                {
                    "label": "c2pa.actions",
                    "data": {
                        "actions": [
                            {
                                "action": "c2pa.created",
                                "when": datetime.now(UTC).isoformat(timespec="seconds"),
                                "softwareAgent": SOFTWARE,
                                "digitalSourceType": TRAINED_ALGORITHM,
                            }
                        ]
                    },
                },
                # One string: C2PA's library reads lists of numbers and integers from 2^63 on back as something else.
                {"label": RECORD, "data": {"json": canonical(asdict(record))}},
            ],
        }
        signed = io.BytesIO()
        try:
            c2pa.Builder(manifest, self._context).sign(self._signer, "image/png", io.BytesIO(picture), signed)
        except c2pa.C2paError as error:
            raise UserError(f"sign=true: {' '.join(str(error).split())}") from error
        return signed.getvalue()


def sign_pictures(
    folder: Path, identity: Identity, trained: Trained, *, weights: Weights, seed: int, label: int | None
) -> list[Record]:
    """Put credentials into all samples of one seed, which lie in a folder in their order; the records in them.

    Args:
        folder: with a PNG for each.
        identity: who signs.
        trained: what they come from.
        weights: of which generator.
        seed: of the latents.
        label: the class that was asked for.
    """
    paths = sorted(folder.glob("*.png"))
    signer = PictureSigner(identity, trained.path)
    config = config_digest(trained.config)
    records = []
    for index, path in enumerate(paths):
        with Image.open(path) as picture:
            pixels = pixel_digest(picture)
        record = Record(trained.digest, config, weights, seed, len(paths), index, label, pixels)
        path.write_bytes(signer.sign(path.read_bytes(), record))
        records.append(record)
    return records


def parse(record: str | bytes) -> Record | None:
    """A record from its JSON; None where it is none: something missing, unknown, or out of range."""
    try:
        return _RECORD.validate_json(record, strict=True)
    except ValueError:
        return None


def canonical(value: Any) -> str:
    """The same text for equal values: keys sorted, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def config_digest(config: dict[str, Any]) -> str:
    return hashlib.sha256(canonical(config).encode()).hexdigest()


def plain_pixels(path: Path) -> tuple[str, np.ndarray]:
    """A picture's digest and its pixels (H, W) or (H, W, 3) uint8, as :func:`to_picture` makes them.

    Raises:
        UserError: for no picture, and for one that shows something else than these pixels: with other frames, a
            palette, transparency, a profile of colours, or turned by EXIF.
    """
    with open_image(path) as picture:
        odd = [key for key in ("transparency", "icc_profile", "gamma", "chromaticity", "srgb") if key in picture.info]
        several = getattr(picture, "n_frames", 1) > 1 or getattr(picture, "default_image", False)
        turned = picture.getexif().get(ExifTags.Base.Orientation, 1) != 1
        plain = picture.mode in ("L", "RGB") and not (odd or several or turned)
        found = pixel_digest(picture), np.array(picture)
    if not plain:
        raise UserError(f"{path}: {ODD}")
    return found


def pixel_digest(picture: Image.Image) -> str:
    """Of what is seen, whatever the file looks like: ``mode width height`` and a line feed, then the bytes by rows."""
    header = f"{picture.mode} {picture.width} {picture.height}\n".encode()
    return hashlib.sha256(header + np.ascontiguousarray(picture).tobytes()).hexdigest()
