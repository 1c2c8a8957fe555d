"""The handwritten digits in scikit-learn, which need no download."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits

from gan_lightning.data.datamodule import Examples
from gan_lightning.data.images import LabelledImages
from gan_lightning.modalities.image import to_uint8


class Digits(LabelledImages):
    """1,797 handwritten digits of 8×8 pixels in 17 greys (UCI, Alpaydin & Kaynak, 1998), resized bicubically."""

    source, licence = "Optical Recognition of Handwritten Digits, https://archive.ics.uci.edu/dataset/80", "CC-BY-4.0"

    def load(self) -> Examples:
        digits = load_digits()
        images = torch.from_numpy(digits.images).float().unsqueeze(1) / 8 - 1  # 0…16 to [-1, 1]
        images = F.interpolate(images, size=self.modality.sample_shape[1:], mode="bicubic")
        return Examples(to_uint8(images), torch.from_numpy(digits.target).long())
