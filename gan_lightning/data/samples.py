"""Samples from anywhere, as files."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from gan_lightning.data.image_folder import is_picture, open_picture
from gan_lightning.errors import UserError
from gan_lightning.files import check_regular

MAX_BYTES = 2**32  # of an .npz file's content: a small file can claim to be of any size


def read_samples(path: Path, sample_shape: tuple[int, ...]) -> Tensor:
    """Pictures (n, C, H, W) uint8 of a folder, or of the only array or ``samples`` in an .npz file.

    Nothing is resized or converted: that would be judged too.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if is_picture(file.name))
        if not files:
            raise UserError(f"samples={path}: no pictures in it or below")
        return torch.stack([_read_picture(file, sample_shape) for file in tqdm(files, "reading", disable=None)])
    try:
        check_regular(path)
        with zipfile.ZipFile(path) as archive:
            size = sum(info.file_size for info in archive.infolist())
        if size > MAX_BYTES:
            raise ValueError(f"{size:,} bytes when unpacked, at most {MAX_BYTES:,}: split it")
        with np.load(path) as content:
            name = "samples" if "samples" in content else content.files[0]
            array = content[name]
    except (OSError, ValueError, EOFError, LookupError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"samples={path}: must be a folder of pictures or an .npz file ({error})") from error
    if array.dtype != np.uint8:
        raise UserError(f"samples={path}: {name} is {array.dtype}: must be uint8 in 0…255")
    channels, height, width = sample_shape
    if array.shape[1:] == (height, width, channels):
        array = array.transpose(0, 3, 1, 2)
    if array.shape[1:] == (height, width) and channels == 1:
        array = array[:, None]
    if array.shape[1:] != sample_shape:
        raise UserError(f"samples={path}: {name} is {list(array.shape)}: must be [n, {channels}, {height}, {width}]")
    return torch.from_numpy(np.ascontiguousarray(array))


def _read_picture(path: Path, sample_shape: tuple[int, ...]) -> Tensor:
    channels, height, width = sample_shape
    with open_picture(path) as picture:
        mode, size = picture.mode, picture.size
        array = np.array(picture)
    if mode != ("L" if channels == 1 else "RGB") or size != (width, height):
        kind = "grey" if channels == 1 else "RGB"
        raise UserError(
            f"{path}: is {mode}, {size[0]}×{size[1]}: the data are {kind}, {width}×{height}, 8 bits a channel"
        )
    return torch.from_numpy(array).reshape(height, width, channels).permute(2, 0, 1)
