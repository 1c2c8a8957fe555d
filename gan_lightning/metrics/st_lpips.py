"""ST-LPIPS, a perceptual distance of images, and an extractor for colour images that uses its AlexNet.

The distance is that of Ghildyal & Liu, "Shift-tolerant Perceptual Similarity Metric", ECCV 2022, arXiv:2207.13686. Its
values differ from those of LPIPS. :mod:`gan_lightning.networks.perceptual` has the networks.
"""

from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_lightning.metrics.extractors import Extracted, Extractor, check_images
from gan_lightning.modalities.image import normalize
from gan_lightning.networks.perceptual import BACKBONES, PACKAGE, VERSION, Backbone, load_network, to_rgb

BATCH = 25  # images in one forward pass; larger batches are slower on CPUs


def st_lpips(a: Tensor, b: Tensor, backbone: Backbone = "alex") -> Tensor:
    """Return the ST-LPIPS distances (n,) of n pairs of images; 0 for equal images. They have gradients.

    A distance that was minimized is no evidence of quality: train with one backbone and evaluate with the other.

    Args:
        a: images (n, C, H, W) in [-1, 1], at least 21×21, or 18×18 for ``vgg``. Grey images become three equal
            channels; RGBA images are blended over mid-grey.
        b: images of the same shape.
        backbone: ``alex`` for AlexNet, ``vgg`` for VGG16, which is 7 times slower.

    Raises:
        TypeError: if the images are not of floating point.
        ValueError: if they have different shapes, are too small, or have neither 1, 3 nor 4 channels.
        UserError: if stlpips_pytorch is not installed or its file is damaged.
    """
    if not (a.is_floating_point() and b.is_floating_point()):
        raise TypeError(f"images must be floats in [-1, 1], not {a.dtype} and {b.dtype}")
    if a.shape != b.shape:
        raise ValueError(f"images must have the same shape, not {tuple(a.shape)} and {tuple(b.shape)}")
    smallest = BACKBONES[backbone].min_size
    if min(a.shape[2:]) < smallest:
        raise ValueError(f"images must be at least {smallest}×{smallest}, not {tuple(a.shape[2:])}: enlarge them")
    return load_network(backbone, a.device, "st_lpips")(a, b)


class StAlexNet(Extractor):
    """Extractor of 448 features of colour images, by the AlexNet of ST-LPIPS, trained on ImageNet.

    The features are the means of the feature maps of the second stage (192), which sees colours and textures, and of
    the fifth (256), which sees structure. A constant scales each stage, so that both have the same total variance for
    pixel art (Nouns, 32×32). Images whose shorter side is below 64 pixels are enlarged to 64, bilinearly. Grey images
    become three equal channels; RGBA images are blended over mid-grey, which makes all transparent pixels alike.

    Raises:
        UserError: at the first use, if stlpips_pytorch is not installed or its file is damaged.
    """

    name = "st-alexnet"
    sample_shape = None
    sha256 = BACKBONES["alex"].sha256
    frechet_name = "frechet_st_alexnet"
    frechet_title = "Fréchet distance in features of ST-LPIPS's AlexNet"

    min_size = 64
    scales: ClassVar = {1: 13.6, 4: 131.0}  # by the index of the stage: a total variance of 224 each for Nouns

    @property
    def facts(self) -> dict[str, str]:  # type: ignore[override]
        return {
            "weights": f"{PACKAGE} {VERSION}, {Path(BACKBONES['alex'].file).name}",
            "licence": "BSD-2-Clause",
            "layers": "means of stages 2 and 5",
        }

    def extract(self, images: Tensor) -> Extracted:
        check_images(images)
        with torch.no_grad():
            return Extracted(torch.cat([self._features(normalize(part)) for part in images.split(BATCH)]))

    def _features(self, images: Tensor) -> Tensor:
        images = to_rgb(images)
        factor = self.min_size / min(images.shape[2:])
        if factor > 1:
            size = [round(side * factor) for side in images.shape[2:]]
            images = F.interpolate(images, size, mode="bilinear", align_corners=False)
        maps = load_network("alex", images.device, "features=st_alexnet").features(images)
        return torch.cat([maps[i].mean((2, 3)) * scale for i, scale in self.scales.items()], 1)
