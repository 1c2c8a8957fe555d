"""MNIST and USPS: handwritten digits of two sources, the usual test of unpaired translation by labels."""

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Unpack

import numpy as np
import torch
from pydantic import PositiveInt
from torch import Tensor

from gan_lightning.data.emoji import scale
from gan_lightning.data.mnist import MNIST
from gan_lightning.data.unpaired import Domain, Unpaired, UnpairedSettings
from gan_lightning.errors import UserError
from gan_lightning.marks import Location, WithoutEffect

TRAINING_FILE, TEST_FILE = "zip.train.gz", "zip.test.gz"
USPS_ORIGIN = "https://hastie.su.domains/ElemStatLearn/data.html (ZIP code)"
USPS_SIZE = 16  # pixels
DIGIT_SIZE, FRAME_SIZE = 20, 28  # pixels of a digit of MNIST, and of its image


class MnistUsps(Unpaired):
    """MNIST (domain A) and USPS (domain B): 60,000 and 7,291 training digits, 10,000 and 2,007 test digits, all grey.

    Translations have no truth, but a label: a classifier of real images of the other domain should find it. USPS digits
    fill their 16×16 pixels, while MNIST's have a margin. They are framed as MNIST's: see :func:`frame`.

    Args:
        root: folder that holds ``MNIST/raw/`` in torchvision's layout, and ``usps/`` with the two files.
        download: if True, torchvision downloads missing files of MNIST.
        checksums: MD5 of MNIST's files, as for :class:`MNIST`.
        image_size: height and width of the images in pixels.
        direction: the translation to learn.
        settings: as for :class:`Unpaired`.
    """

    source = f"MNIST, http://yann.lecun.com/exdb/mnist/, and USPS, {USPS_ORIGIN}"

    def __init__(
        self,
        root: Location[str],
        download: WithoutEffect[bool],
        checksums: WithoutEffect[Mapping[str, str] | None],
        image_size: PositiveInt,
        direction: Literal["mnist_to_usps", "usps_to_mnist"],
        **settings: Unpack[UnpairedSettings],
    ) -> None:
        super().__init__(reverse=direction == "usps_to_mnist", **settings)
        self.mnist = MNIST(root, download, "MNIST", checksums, 1, [1, 28, 28], 10, seed=0)
        self.usps = Path(root).expanduser() / "usps"
        self.image_size = image_size

    def prepare_data(self) -> None:
        for name in (TRAINING_FILE, TEST_FILE):
            if not (self.usps / name).exists():
                raise UserError(
                    f"data.root={self.usps.parent}: usps/{name} is not there: get it from {USPS_ORIGIN}, and set "
                    f"GAN_DATA_DIR or data.root to the folder that holds usps/{name}"
                )
        self.mnist.prepare_data()

    def load_domains(self) -> tuple[Domain, Domain]:
        return self._scaled(self.mnist.load()), self._scaled(self._read_usps(TRAINING_FILE))

    def load_test_domains(self) -> tuple[Domain, Domain]:
        return self._scaled(self.mnist.load_test()), self._scaled(self._read_usps(TEST_FILE))

    def _read_usps(self, name: str) -> Domain:
        images, labels = read_usps(self.usps / name)
        return Domain(frame(images), labels)

    def _scaled(self, digits: Any) -> Domain:
        images, labels = digits
        return Domain(scale(images, self.image_size), labels)


def read_usps(path: Path) -> Domain:
    """Return the digits in a file of USPS: a line for each, with the label and 16×16 values from -1 to 1.

    Raises:
        UserError: if the file is damaged.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            table = torch.from_numpy(np.loadtxt(file, ndmin=2))
        if table.shape[1] != 1 + USPS_SIZE**2:
            raise ValueError(f"{table.shape[1]} numbers a line, not {1 + USPS_SIZE**2}")
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"{path}: not digits of USPS ({' '.join(str(error).split())}): replace the file") from error
    images = ((table[:, 1:] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return Domain(images.reshape(-1, 1, USPS_SIZE, USPS_SIZE), table[:, 0].long())


def frame(digits: Tensor) -> Tensor:
    """Return digits in images as those of MNIST are framed (LeCun et al., 1998): 20×20 in 28×28, centred by their mass.

    Args:
        digits: (n, 1, H, W) uint8, which the digits fill.

    Returns:
        Images (n, 1, 28, 28) uint8.
    """
    digits = scale(digits, DIGIT_SIZE)
    mass = digits.double().clamp(min=1e-9)
    positions = torch.arange(DIGIT_SIZE, dtype=torch.float64)
    margin, middle = FRAME_SIZE - DIGIT_SIZE, (FRAME_SIZE - 1) / 2
    offsets = [
        (middle - (mass.sum((1, axis)) * positions).sum(1) / mass.sum((1, 2, 3))).round().clamp(0, margin).long()
        for axis in (3, 2)
    ]
    framed = digits.new_zeros(len(digits), 1, FRAME_SIZE, FRAME_SIZE)
    for i, (top, left) in enumerate(zip(*(one.tolist() for one in offsets), strict=True)):
        framed[i, :, top : top + DIGIT_SIZE, left : left + DIGIT_SIZE] = digits[i]
    return framed
