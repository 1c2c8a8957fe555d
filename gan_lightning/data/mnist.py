"""MNIST, Fashion-MNIST and KMNIST, read from idx files in torchvision's layout."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torchvision
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor

from gan_lightning.data.datamodule import Examples
from gan_lightning.data.downloads import downloading
from gan_lightning.data.images import LabelledImages
from gan_lightning.errors import UserError
from gan_lightning.marks import Location, WithoutEffect
from gan_lightning.modalities.image import Images

TRAINING_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
TEST_FILES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
SOURCES = {  # source and licence
    "MNIST": ("MNIST, http://yann.lecun.com/exdb/mnist/", "CC-BY-SA-3.0"),
    "FashionMNIST": ("Fashion-MNIST, https://github.com/zalandoresearch/fashion-mnist", "MIT"),
    "KMNIST": ("KMNIST, http://codh.rois.ac.jp/kmnist/", "CC-BY-SA-4.0"),
}
CLASSES = {  # names in the order of their labels; digits need none
    "FashionMNIST": (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    "KMNIST": ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
}


class MNIST(LabelledImages):
    """MNIST (LeCun et al., 1998), Fashion-MNIST or KMNIST: 60,000 training and 10,000 test images, (1, 28, 28).

    Args:
        root: folder that holds ``<dataset>/raw/``, in torchvision's layout.
        download: if True, torchvision downloads missing files and verifies their checksums.
        dataset: one of the three data sets.
        checksums: MD5 of the unpacked files by name; files without one are not checked.
    """

    def __init__(
        self,
        root: Location[str],
        download: WithoutEffect[bool],
        dataset: Literal["MNIST", "FashionMNIST", "KMNIST"],
        checksums: WithoutEffect[Mapping[str, str] | None],
        batch_size: PositiveInt,
        sample_shape: Sequence[PositiveInt],
        num_classes: PositiveInt | None,
        seed: NonNegativeInt,
        conditional: bool = False,
        evaluator: Any = None,
    ) -> None:
        super().__init__(batch_size, sample_shape, num_classes, seed, conditional, evaluator)
        self.root = Path(root)
        self.download = download
        self.dataset = dataset
        self.checksums = checksums or {}
        self.source, self.licence = SOURCES[dataset]
        if dataset in CLASSES:
            self.name_classes(CLASSES[dataset])

    @property
    def folder(self) -> Path:
        return self.root / self.dataset / "raw"

    def prepare_data(self) -> None:
        missing = [name for name in (*TRAINING_FILES, *TEST_FILES) if not (self.folder / name).is_file()]
        if not missing:
            return
        remedy = f"set GAN_DATA_DIR or data.root to the folder that holds {self.dataset}/raw, or use data=digits"
        if misplaced := self._find_misplaced(missing[0]):
            raise UserError(f"data.root={self.root}: there is {misplaced}, which must be {self.folder / missing[0]}")
        if image := next((path for path in self.root.glob("*") if Images.reads(path.name)), None):
            raise UserError(f"data.root={self.root}: holds images, such as {image.name}: data=image_folder reads them")
        if not self.download:
            raise UserError(
                f"data.root={self.root}: {missing[0]} is not in {self.folder}: data.download=true, {remedy}"
            )
        with downloading(self.folder, f"data.root={self.root}: {self.dataset}", remedy):
            getattr(torchvision.datasets, self.dataset)(self.root, download=True)

    def _find_misplaced(self, name: str) -> Path | None:
        """Return the file if it is in a folder nearby, or has a dot for a hyphen in its name, as on other sites."""
        folders = (self.root, self.root / self.dataset, self.folder)
        found = (path for folder in folders for path in folder.glob(name.replace("-idx", "?idx")))
        return next(filter(Path.is_file, found), None)

    def load(self) -> Examples:
        return self._read(*TRAINING_FILES)

    def load_test(self) -> Examples | None:
        return self._read(*TEST_FILES)

    def _read(self, images_file: str, labels_file: str) -> Examples:
        images = read_idx(self.folder / images_file, 3, self.checksums.get(images_file))
        labels = read_idx(self.folder / labels_file, 1, self.checksums.get(labels_file))
        if len(images) != len(labels):
            raise UserError(f"{self.folder}: {len(images)} images but {len(labels)} labels: replace the files")
        return Examples(images.unsqueeze(1), labels.long())


def read_idx(path: Path, dimensions: int, md5: str | None = None) -> Tensor:
    """Return the uint8 array in an idx file.

    An idx file holds two zero bytes, 0x08 for uint8, the number of dimensions, each size in 4 bytes, and the data.

    Args:
        path: the idx file.
        dimensions: number of dimensions that the array must have.
        md5: MD5 that the file must have; None for any.

    Raises:
        UserError: if the file is damaged or has another MD5.
    """
    content = path.read_bytes()
    remedy = "delete the file, and it will be downloaded again"
    magic, header = bytes([0, 0, 8, dimensions]), 4 + 4 * dimensions
    if content[:4] != magic:
        raise UserError(f"{path}: expected to start with {magic.hex()}, found {content[:4].hex()}: {remedy}")
    shape = [int.from_bytes(content[i : i + 4], "big") for i in range(4, header, 4)]
    expected = header + math.prod(shape)
    if len(content) != expected:
        raise UserError(f"{path}: expected {expected:,} bytes, found {len(content):,}: {remedy}")
    if md5 is not None and (found := hashlib.md5(content, usedforsecurity=False).hexdigest()) != md5:
        raise UserError(f"{path}: expected MD5 {md5}, found {found}: {remedy}")
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=header).reshape(shape).copy())
