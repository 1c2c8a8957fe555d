"""Applies a model whose condition is an image to photos, as ``gan-generate input=…`` does."""

import logging
import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from gan_lightning.commands.output import complete_output
from gan_lightning.config.settings import GenerateSettings
from gan_lightning.errors import UserError, listed, printable
from gan_lightning.imaging.photo import FORMATS, check_format, is_ours, read_photo, write_photo
from gan_lightning.imaging.photo_network import PhotoNetwork
from gan_lightning.modalities.image import Images
from gan_lightning.networks.image_to_image import ImageToImage
from gan_lightning.paths import GENERATED
from gan_lightning.runs.checkpoints import Trained, load
from gan_lightning.runs.drawing import check_weights

ONLY_WITH_INPUT = {"ensemble": False, "blend": None, "reverse": False}  # keys with their defaults
NOT_WITH_INPUT = {
    "n": 64, "condition": None, "format": None, "sign": False, "interpolate": None, "truncation": 1.0,
    "mix": None, "edit": None, "project": None,
}  # fmt: skip
SUFFIX = ".png"  # without a loss, and for all channels and bits

log = logging.getLogger(__name__)


class Written(NamedTuple):
    """A file that was written, and the photo it was made from."""

    source: Path
    output: Path


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
        UserError: if the model or a file does not fit. In a folder, the others are done first.
    """
    source = Path(settings.input or "")
    if not source.exists():
        raise UserError(f"input={source}: no such file or folder: give an image, or a folder of images")
    trained = load(settings.checkpoint, settings.trust_code)
    network = _network(settings, trained)
    label = _label(settings, trained, network)
    if source.is_dir():
        return _convert_folder(settings, source, network, label)
    output = source.with_name(f"{source.stem}_{label}{SUFFIX}") if settings.output is None else Path(settings.output)
    if settings.output is None and output.exists():
        raise UserError(f"output={output}: exists already: move it away, or add output=… to replace it")
    if output.exists() and output.samefile(source):
        raise UserError(f"output={output}: is the input itself: give another name")
    try:
        _convert(source, output, network)
    except UserError as error:
        raise error if str(error).startswith("output=") else UserError(f"input={error}") from error
    return output


def _network(settings: GenerateSettings, trained: Trained) -> PhotoNetwork:
    """Return the network that the settings choose; raise UserError if the model does not have it."""
    model: Any = trained.model
    check_weights(model, settings.weights)
    takes, makes = trained.data.condition, trained.data.modality
    if settings.blend is not None:
        if not hasattr(model, "blended"):
            raise UserError(f"blend={settings.blend:g}: the model has no two stages to blend: leave it out")
        if settings.weights is not None or settings.reverse:
            other = "reverse=true" if settings.reverse else f"weights={settings.weights}"
            raise UserError(f"{other}: blend={settings.blend:g} chooses other weights: leave one out")
        network = model.blended(settings.blend)
    elif settings.reverse:
        if not hasattr(model, "backward_of"):
            raise UserError("reverse=true: the model has one direction only: leave it out")
        network = model.backward_of(settings.weights)
        takes, makes = makes, takes
    else:
        network = model.generator_of(settings.weights)
    if not isinstance(network, ImageToImage) or not isinstance(takes, Images) or not isinstance(makes, Images):
        raise UserError(
            f"input={settings.input}: the model does not make images from images: "
            "give the checkpoint of one for super-resolution or translation"
        )
    channels = takes.sample_shape[0], makes.sample_shape[0]
    if not {1, 3}.issuperset(channels):
        raise UserError(
            f"input={settings.input}: the model takes images of {channels[0]} channels and makes {channels[1]}: "
            "train one with 1 (grey) or 3 (RGB)"
        )
    return PhotoNetwork(network.eval(), *channels, settings.ensemble)


def _label(settings: GenerateSettings, trained: Trained, network: PhotoNetwork) -> str:
    """Return what the names of results add to those of the photos, such as ``x4``."""
    run = re.sub(r"[^\w.-]+", "-", str(trained.config.get("name", trained.run_dir.name)))
    parts = [f"x{network.scale}" if network.scale > 1 else run]
    parts += [settings.weights] if settings.weights else []
    parts += [f"blend{settings.blend:g}"] if settings.blend is not None else []
    parts += [key for key in ("reverse", "ensemble") if getattr(settings, key)]
    return "_".join(parts)


def _convert(source: Path, output: Path, network: PhotoNetwork) -> Written:
    """Write the result for a photo; a UserError starts with the source, or with ``output=``."""
    photo = read_photo(source, network.most_pixels)
    check_format(output, network.channels(photo), photo.pixels.dtype, *network.size(photo))
    result = network(photo, source.name)
    with complete_output(output) as unfinished:
        write_photo(unfinished, result, FORMATS[output.suffix.lower()])
    return Written(source, output)


def _convert_folder(settings: GenerateSettings, source: Path, network: PhotoNetwork, label: str) -> Path:
    """Write the results for all images in a folder to a new one, each when it is done.

    Raises:
        UserError: if there is no image, or, at the end, if images could not be read.
    """
    folder = source if source.name not in ("", "..") else source.resolve()
    output = folder.with_name(f"{folder.name}_{label}") if settings.output is None else Path(settings.output)
    if output.is_file() or (output.is_dir() and any(output.iterdir())):
        raise UserError(f"output={output}: exists already; for a folder as input, a new or empty folder is needed")
    photos = _photos(source)
    with complete_output(output / GENERATED) as unfinished:
        unfinished.write_text("images from gan-generate: no training data\n", encoding="utf-8")
    written, failed = [], []
    for photo, name in tqdm(zip(photos, _names(photos), strict=True), "images", len(photos), disable=None):
        try:
            written.append(_convert(photo, output / name, network))
        except UserError as error:
            if str(error).startswith("output="):
                raise
            log.warning("%s", printable(str(error)))
            failed.append(photo.name)
    if failed:
        raise UserError(
            f"input={source}: {len(failed):,} of {len(photos):,} images could not be read ({listed(failed)}); "
            f"{len(written):,} results are in {output}"
        )
    return output


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
