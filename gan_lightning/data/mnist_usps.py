"""MNIST and USPS: handwritten digits of two sources, the usual test of unpaired translation by labels."""

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Unpack

import numpy as np
import torch
from pydantic import PositiveInt

from gan_lightning.data.emoji import scale
from gan_lightning.data.mnist import MNIST
from gan_lightning.data.unpaired import Domain, Unpaired, UnpairedSettings
from gan_lightning.errors import UserError
from gan_lightning.marks import Location, WithoutEffect

TRAINING_FILE, TEST_FILE = "zip.train.gz", "zip.test.gz"
USPS_ORIGIN = "https://hastie.su.domains/ElemStatLearn/data.html (ZIP code)"
USPS_SIZE = 16  # pixels


class MnistUsps(Unpaired):
    """MNIST (domain A) and USPS (domain B): 60,000 and 7,291 training digits, 10,000 and 2,007 test digits, all grey.

    Translations have no truth, but a label: a classifier of real images of the other domain should find it. USPS images
    of 16×16 pixels are enlarged to the size of MNIST's, as by Liu et al., 2017 (UNIT, arXiv:1703.00848).

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
        return self._scaled(self.mnist.load()), self._scaled(read_usps(self.usps / TRAINING_FILE))

    def load_test_domains(self) -> tuple[Domain, Domain]:
        return self._scaled(self.mnist.load_test()), self._scaled(read_usps(self.usps / TEST_FILE))

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
