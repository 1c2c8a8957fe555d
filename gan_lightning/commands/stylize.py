"""Gives an image the style of another one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gan_lightning.commands.output import complete_output, output_beside
from gan_lightning.commands.signing import ImageSigner
from gan_lightning.config.settings import StylizeSettings
from gan_lightning.errors import UserError
from gan_lightning.imaging.colors import luma
from gan_lightning.imaging.neural_style import (
    BYTES_PER_PIXEL,
    SMALLEST,
    Size,
    Weights,
    match_contrast,
    resize,
    resized,
    transfer_style,
    with_luma,
)
from gan_lightning.imaging.photo import FORMATS, Photo, check_format, read_photo, to_pixels, to_samples, write_photo
from gan_lightning.networks.perceptual import BACKBONES, PACKAGE, VERSION, load_network
from gan_lightning.provenance import load_signer

if TYPE_CHECKING:  # needs an extra
    from gan_lightning.provenance.derivations import Role
    from gan_lightning.provenance.identity import Identity

DEFAULT_SIDE = 512  # largest longer side of a result, unless size=… says otherwise
SUFFIX = ".png"
PIXELS = np.dtype(np.uint8)


def stylize(settings: StylizeSettings) -> Path:
    """Write the image that ``conf/stylize.yaml`` describes, and return its path."""
    identity = load_signer("sign=true") if settings.sign else None
    content_path, style_path = Path(settings.content), Path(settings.style)
    beside = content_path.with_name(f"{content_path.stem}_{style_path.stem}{SUFFIX}")
    output = output_beside(settings.output, beside, content=content_path, style=style_path)
    photo, style_photo = _read("content", settings.content), _read("style", settings.style)
    size = _size(settings, photo)
    content, alpha = _blend_on_white(photo)
    check_format(output, 3 if alpha is None else 4, PIXELS, *size)
    style, _ = _blend_on_white(style_photo)
    result = _transfer(settings, resize(content, size), style)
    if alpha is not None:
        result = torch.cat([result, resize(alpha, size)], 1)
    with complete_output(output) as unfinished:
        write_photo(unfinished, Photo(to_pixels(result, PIXELS), photo.icc_profile), FORMATS[output.suffix.lower()])
        if identity is not None:
            sources: list[tuple[Path, Role]] = [(content_path, "parentOf"), (style_path, "inputTo")]
            _signer(identity, settings, size).sign(output, sources, unfinished)
    return output


def _signer(identity: Identity, settings: StylizeSettings, size: Size) -> ImageSigner:
    """Return the signer of a result of this height and width."""
    from gan_lightning.provenance.derivations import Model

    model = Model(f"VGG16 of {PACKAGE} {VERSION}", BACKBONES["vgg"].sha256)
    choices = settings.model_dump(include={"style_weight", "content_weight", "tv_weight", "steps", "keep_colors"})
    return ImageSigner(identity, settings.ledger, "neural style transfer", model, {"size": max(size)} | choices)


def _read(key: str, name: str) -> Photo:
    """Return a photo; raise UserError if there is none or a side is shorter than ``SMALLEST``."""
    path = Path(name)
    if not path.is_file():
        raise UserError(f"{key}={name}: no such file: give an image")
    try:
        photo = read_photo(path)
    except UserError as error:  # its message starts with the path
        raise UserError(f"{key}={error}") from error
    height, width, _ = photo.pixels.shape
    if min(height, width) < SMALLEST:
        raise UserError(f"{key}={name}: is {width}×{height}: at least {SMALLEST} pixels a side are needed")
    return photo


def _size(settings: StylizeSettings, photo: Photo) -> Size:
    """Return the height and width of the result; raise UserError if they are too small or need too much memory."""
    sides = photo.pixels.shape[0], photo.pixels.shape[1]
    size = resized(sides, (settings.size or min(DEFAULT_SIDE, max(sides))) / max(sides))
    if min(size) < SMALLEST:
        least = -(-SMALLEST * max(sides) // min(sides))
        raise UserError(f"size={max(size)}: the result is {size[1]}×{size[0]}, too small for its style: size={least}")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    needed = size[0] * size[1] * BYTES_PER_PIXEL
    if needed > memory:
        most = int(max(size) * (memory / needed) ** 0.5)
        raise UserError(
            f"size={max(size)}: needs {needed / 2**30:.0f} GiB of memory, and there are {memory / 2**30:.0f}: "
            f"size={most} or less"
        )
    return size


def _blend_on_white(photo: Photo) -> tuple[Tensor, Tensor | None]:
    """Return the colors (1, 3, H, W) of a photo in [-1, 1] on white, and its alpha (1, 1, H, W), if it has one."""
    samples = to_samples(photo.pixels)
    if samples.shape[1] in (1, 3):
        return samples.expand(-1, 3, -1, -1), None
    colors, alpha = samples[:, :-1], samples[:, -1:]
    return (1 - (1 - colors) * (alpha + 1) / 2).expand(-1, 3, -1, -1), alpha


def _transfer(settings: StylizeSettings, content: Tensor, style: Tensor) -> Tensor:
    """Return the result (1, 3, H, W) on the CPU."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = load_network("vgg", device, "gan-stylize")
    content, style = content.to(device), style.to(device)
    colored = content
    if settings.keep_colors:
        content = luma(content)
        style = match_contrast(luma(style), content)
    weights = Weights(settings.content_weight, settings.style_weight, settings.tv_weight)
    result = transfer_style(network, content, style, weights, settings.steps)
    return (with_luma(colored, result) if settings.keep_colors else result).cpu()


if __name__ == "__main__":
    from gan_lightning.commands import cli

    cli.stylize()
