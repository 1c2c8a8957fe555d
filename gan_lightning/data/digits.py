"""Digits that come with scikit-learn: nothing to download."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor

from gan_lightning.data.datamodule import ImageData, to_uint8


class Digits(ImageData):
    """1,797 handwritten digits of 8×8 pixels in 17 greys (UCI, Alpaydin & Kaynak, 1998), resized bicubically."""

    features = "digits-v1"
    source, licence = "Optical Recognition of Handwritten Digits, https://archive.ics.uci.edu/dataset/80", "CC-BY-4.0"

    def load(self) -> tuple[Tensor, Tensor]:
        digits = load_digits()
        images = torch.from_numpy(digits.images).float().unsqueeze(1) / 8 - 1  # 0…16 to [-1, 1]
        images = F.interpolate(images, size=self.sample_shape[1:], mode="bicubic")
        return to_uint8(images), torch.from_numpy(digits.target).long()
