"""Applies a model whose condition is an image to photos, as ``gan-generate input=…`` does."""

import logging
import re
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from gan_lightning.commands.output import complete_output, output_beside
from gan_lightning.commands.signing import ImageSigner, photo_signer
from gan_lightning.config.settings import GenerateSettings
from gan_lightning.errors import UserError, listed, printable
from gan_lightning.imaging.photo import FORMATS, check_format, is_ours, read_photo, write_photo
from gan_lightning.imaging.photo_network import PhotoNetwork
from gan_lightning.modalities.image import Images
from gan_lightning.paths import GENERATED
from gan_lightning.provenance import load_signer
from gan_lightning.runs.checkpoints import Trained, load
from gan_lightning.runs.photo_networks import photo_network

ONLY_WITH_INPUT = {"ensemble": False, "blend": None, "reverse": False}  # keys with their defaults
NOT_WITH_INPUT = {
    "n": 64, "condition": None, "format": None, "interpolate": None, "truncation": 1.0,
    "temperature": 1.0, "nucleus": 1.0, "mix": None, "edit": None, "project": None,
}  # fmt: skip
KEYS = ("output=", "sign=", "ledger=")  # that errors about a photo do not start with
SUFFIX = ".png"  # without a loss, and for all channels and bits

log = logging.getLogger(__name__)


def check_keys(settings: GenerateSettings) -> None:
    """Raise UserError for keys that have no effect with ``input``, or none without it."""
    without = settings.input is None
    for key, default in (ONLY_WITH_INPUT if without else NOT_WITH_INPUT).items():
        if (value := getattr(settings, key)) != default:
            shown = f"{key}={str(value).lower() if isinstance(value, bool) else value}"
            if without:
                raise UserError(f"{shown}: is about the images of input=…: add input, or leave {key} out")
            raise UserError(f"{shown}: is about random samples, not about input={settings.input}: leave one out")


def convert_photos(settings: GenerateSettings) -> Path:
    """Write the results of the model for the photos of ``input``, and return the path of the file or folder.

    Raises:
        UserError: if the model or a photo does not fit. In a folder, the other photos are done first.
    """
    source = Path(settings.input or "")
    if not source.exists():
        raise UserError(f"input={source}: no such file or folder: give an image, or a folder of images")
    identity = load_signer("sign=true") if settings.sign else None
    trained = load(settings.checkpoint, settings.trust_code)
    network = photo_network(settings, trained)
    signer = photo_signer(identity, settings, trained, network.scale) if identity else None
    label = _label(settings, trained, network)
    if source.is_dir():
        output = _output_folder(settings, source, label)
        _convert_folder(source, output, network, signer)
    else:
        output = output_beside(settings.output, source.with_name(f"{source.stem}_{label}{SUFFIX}"), input=source)
        try:
            _convert(source, output, network, signer)
        except UserError as error:  # its message starts with the path, or with a key
            raise error if str(error).startswith(KEYS) else UserError(f"input={error}") from error
    return output


def _label(settings: GenerateSettings, trained: Trained, network: PhotoNetwork) -> str:
    """Return what the names of results add to those of the photos, such as ``x4``."""
    run = re.sub(r"[^\w.-]+", "-", str(trained.config.get("name", trained.run_dir.name)))
    parts = [f"x{network.scale}" if network.scale > 1 else run]
    parts += [settings.weights] if settings.weights else []
    parts += [f"blend{settings.blend:g}"] if settings.blend is not None else []
    parts += [key for key in ("reverse", "ensemble") if getattr(settings, key)]
    return "_".join(parts)


def _output_folder(settings: GenerateSettings, source: Path, label: str) -> Path:
    """Return ``output``, or a path beside the source; raise UserError unless it is new or an empty folder."""
    folder = source if source.name not in ("", "..") else source.resolve()
    output = folder.with_name(f"{folder.name}_{label}") if settings.output is None else Path(settings.output)
    if output.is_file() or (output.is_dir() and any(output.iterdir())):
        raise UserError(f"output={output}: exists already; for a folder as input, a new or empty folder is needed")
    return output


def _convert(source: Path, output: Path, network: PhotoNetwork, signer: ImageSigner | None) -> None:
    """Write the result for a photo, signed if there is a signer.

    Raises:
        UserError: if it cannot be done; the message starts with the source's path, or with one of ``KEYS``.
    """
    photo = read_photo(source, network.most_pixels)
    check_format(output, network.channels(photo), photo.pixels.dtype, *network.size(photo))
    result = network(photo, source.name)
    with complete_output(output) as unfinished:
        write_photo(unfinished, result, FORMATS[output.suffix.lower()])
        if signer is not None:
            signer.sign(output, [(source, "parentOf")], unfinished)


def _convert_folder(source: Path, output: Path, network: PhotoNetwork, signer: ImageSigner | None) -> None:
    """Write the results for all photos in a folder, each when it is done.

    Raises:
        UserError: if there is no photo, or, at the end, if photos could not be read.
    """
    photos = _photos(source)
    done = 0
    failed: list[str] = []
    for photo, name in tqdm(zip(photos, _names(photos), strict=True), "images", len(photos), disable=None):
        try:
            _convert(photo, output / name, network, signer)
        except UserError as error:
            if str(error).startswith(KEYS):
                raise
            log.warning("%s", printable(str(error)))
            failed.append(photo.name)
            continue
        if not done:
            (output / GENERATED).write_text("images from gan-generate: no training data\n", encoding="utf-8")
        done += 1
    if failed:
        results = f"; {done:,} results are in {output}" if done else ""
        raise UserError(
            f"input={source}: {len(failed):,} of {len(photos):,} images could not be read ({listed(failed)}){results}: "
            "repair or remove them"
        )


def _photos(folder: Path) -> list[Path]:
    """Return the images in a folder, except results of this command, and log what is left out."""
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    images = [path for path in entries if path.is_file() and Images.reads(path.name)]
    results = {path for path in images if is_ours(path)}
    others = [path.name + "/" * path.is_dir() for path in entries if path not in images]
    left_out = [f"no images: {listed(others)}"] if others else []
    left_out += [f"results of this command: {listed(sorted(path.name for path in results))}"] if results else []
    if left_out:
        log.warning("%s", printable(f"input={folder}: left out: {'; '.join(left_out)}"))
    photos = [path for path in images if path not in results]
    if not photos:
        raise UserError(f"input={folder}: no images in it: give an image, or a folder of images")
    return photos


def _names(photos: list[Path]) -> list[str]:
    """Return the names of the results, which contain a photo's suffix if another one has the same name without it."""
    stems = Counter(photo.stem for photo in photos)
    return [(photo.name if stems[photo.stem] > 1 else photo.stem) + SUFFIX for photo in photos]
