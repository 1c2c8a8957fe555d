"""Gives an image the style of another one."""

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from gan_lightning.commands.output import complete_output
from gan_lightning.config.settings import StylizeSettings
from gan_lightning.errors import UserError
from gan_lightning.imaging import neural_style
from gan_lightning.imaging.neural_style import BYTES_PER_PIXEL, SMALLEST, Size, Weights
from gan_lightning.imaging.photo import FORMATS, Photo, check_format, read_photo, to_pixels, to_samples, write_photo

DEFAULT_SIDE = 512
SMALLEST_SIDE = 32  # longer side of the result, in pixels
OPAQUE = 1.0  # alpha of a sample


def stylize(settings: StylizeSettings) -> Path:
    """Write the image that ``conf/stylize.yaml`` describes, and return its path."""
    content_path, style_path = Path(settings.content), Path(settings.style)
    output = _output_path(settings)
    photo = _read("content", content_path)
    style = _read("style", style_path)
    size = _size(settings, photo)
    _check_memory(settings, size)
    image, alpha = _opaque(photo, size)
    check_format(output, 3 if alpha is None else 4, np.dtype(np.uint8), *size)
    result = _transfer(settings, image, _on_white(style))
    if alpha is not None:
        result = torch.cat([result, alpha], 1)
    with complete_output(output) as unfinished:
        pixels = to_pixels(result, np.dtype(np.uint8))
        write_photo(unfinished, Photo(pixels, photo.icc_profile), FORMATS[output.suffix.lower()])
    return output
