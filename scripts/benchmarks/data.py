"""The images of the benchmarks: MNIST in the folder that GAN_DATA_DIR names, and avatars of any size."""

from pathlib import Path

import torch.nn.functional as F
from torch import Tensor
from torchvision import datasets

from gan_lightning.data.avatars import Avatars
from gan_lightning.data.mnist import MNIST
from gan_lightning.errors import UserError
from gan_lightning.metrics.extractors import Classifier
from gan_lightning.metrics.images import ImageEvaluator
from gan_lightning.paths import data_dir


def data_root() -> Path:
    return Path(data_dir()).expanduser()


def mnist(root: Path) -> MNIST:
    """Return MNIST with its test images and its evaluator."""
    data = MNIST(str(root), False, "MNIST", None, 64, [1, 28, 28], 10, seed=0, evaluator=ImageEvaluator(Classifier()))
    data.prepare_data()
    data.setup("test")
    return data


def training_images(root: Path) -> Tensor:
    """Return MNIST's training images, (60000, 784) uint8; raise UserError if they are not in ``root``."""
    try:
        return datasets.MNIST(str(root)).data.flatten(1)
    except RuntimeError as error:
        raise UserError(f"{root}: no MNIST: set GAN_DATA_DIR to the folder that holds MNIST/raw") from error


def avatars(n: int, size: int) -> Tensor:
    """Return avatars (n, 3, size, size) uint8, enlarged without interpolation."""
    content = Avatars(n, 1, 1, [3, 32, 32], num_classes=80, seed=0).load().content
    assert isinstance(content, Tensor)
    return F.interpolate(content, size)
