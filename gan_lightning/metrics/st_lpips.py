"""ST-LPIPS, a perceptual distance of images, and an extractor for colour images that uses its AlexNet.

The distance is that of Ghildyal & Liu, "Shift-tolerant Perceptual Similarity Metric", ECCV 2022, arXiv:2207.13686. Its
values differ from those of LPIPS. The weights are their files in the package stlpips_pytorch (BSD-2-Clause). The code
of that package is neither imported nor copied: it needs packages that it does not declare, and its subpackage
models_lpf is licensed for non-commercial use only.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_lightning.errors import UserError, missing_extra
from gan_lightning.files import file_digest
from gan_lightning.metrics.extractors import Extracted, Extractor, check_images
from gan_lightning.modalities.image import normalize

Backbone = Literal["alex", "vgg"]
PACKAGE, VERSION = "stlpips_pytorch", "0.0.2"
BATCH = 25  # images in one forward pass; larger batches are slower on CPUs


class BlurPool(nn.Module):
    """Layer that halves height and width after a binomial blur, against aliasing (Zhang, 2019, arXiv:1904.11486)."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        row = torch.tensor([0.25, 0.5, 0.25])
        self.register_buffer("kernel", row.outer(row))

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        padded = F.pad(x, (2, 2, 2, 2), mode="reflect")
        return F.conv2d(padded, self.kernel.expand(channels, 1, 3, 3), stride=2, groups=channels)


def alexnet_stages() -> Iterator[nn.Sequential]:
    """Yield the five stages of AlexNet with blurred pooling, each of which ends with a ReLU."""
    yield nn.Sequential(nn.Conv2d(3, 64, 11, padding=2), BlurPool(), nn.ReLU())
    yield nn.Sequential(nn.MaxPool2d(3, 1), BlurPool(), nn.Conv2d(64, 192, 5, padding=2), nn.ReLU())
    yield nn.Sequential(nn.MaxPool2d(3, 1), BlurPool(), nn.Conv2d(192, 384, 3, padding=1), nn.ReLU())
    yield nn.Sequential(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU())
    yield nn.Sequential(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU())


def vgg16_stages() -> Iterator[nn.Sequential]:
    """Yield the five stages of VGG16 with blurred pooling, each of which ends with a ReLU."""
    channels = 3
    for convolutions, width in ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)):
        layers: list[nn.Module] = [] if channels == 3 else [nn.MaxPool2d(2, 1), BlurPool()]
        for _ in range(convolutions):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        yield nn.Sequential(*layers)


class TrainedBackbone(NamedTuple):
    """Network that extracts features, and the file with its weights.

    Attributes:
        build_stages: function that yields the network's stages.
        file: path of the weights within the package.
        sha256: the SHA-256 of that file.
        min_size: the smallest height and width of images that the network can take.
    """

    build_stages: Callable[[], Iterator[nn.Sequential]]
    file: str
    sha256: str
    min_size: int


BACKBONES: dict[Backbone, TrainedBackbone] = {
    "alex": TrainedBackbone(
        alexnet_stages,
        "weights/vST0.0/alex_shift_tolerant.pth",
        "b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee",
        min_size=21,
    ),
    "vgg": TrainedBackbone(
        vgg16_stages,
        "weights/vST0.0/vgg_shift_tolerant.pth",
        "44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250",
        min_size=18,
    ),
}


class StNetwork(nn.Module):
    """Network of ST-LPIPS: the stages of a backbone, and a linear head for each.

    Args:
        stages: the stages of the backbone.
        weights: tensors by name, as in the files of stlpips_pytorch.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, stages: Iterable[nn.Sequential], weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        convolutions = [layer for layer in self.modules() if isinstance(layer, nn.Conv2d)]
        names = [name for name in weights if name.startswith("net.") and name.endswith(".weight")]
        for convolution, name in zip(convolutions, names, strict=True):
            bias = weights[f"{name.removesuffix('weight')}bias"]
            convolution.load_state_dict({"weight": weights[name], "bias": bias})
        self.heads = nn.ParameterList(weights[f"lin{i}.model.1.weight"] for i in range(len(self.stages)))
        self.register_buffer("shift", weights["scaling_layer.shift"])
        self.register_buffer("scale", weights["scaling_layer.scale"])

    def features(self, images: Tensor) -> list[Tensor]:
        """Return the feature maps (n, C, h, w) of each stage, of images as for :func:`st_lpips`."""
        x = (_to_rgb(images.float()) - self.shift) / self.scale
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the distances (n,) of images."""
        distances = torch.zeros(len(a), device=a.device)
        for head, of_a, of_b in zip(self.heads, self.features(a), self.features(b), strict=True):
            difference = F.normalize(of_a, eps=1e-10) - F.normalize(of_b, eps=1e-10)
            distances = distances + (head * difference.square()).sum(1).mean((1, 2))
        return distances


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


@cache
def load_network(backbone: Backbone, device: torch.device, feature: str) -> StNetwork:
    """Return a trained network on a device, the same one in every call.

    Args:
        backbone: the network's backbone.
        device: the device to put it on.
        feature: the function or setting that needs the network, for the error message.

    Raises:
        UserError: if stlpips_pytorch is not installed or its file is damaged.
    """
    trained = BACKBONES[backbone]
    spec = find_spec(PACKAGE)  # does not import the package
    if spec is None or not spec.submodule_search_locations:
        raise missing_extra(feature, "perceptual")
    path = Path(spec.submodule_search_locations[0], trained.file)
    found = file_digest(path) if path.is_file() else "no file"
    if found != trained.sha256:
        remedy = f"pip install --force-reinstall --no-deps {PACKAGE}=={VERSION}"
        raise UserError(f"{feature}: {path}: expected SHA-256 {trained.sha256}, found {found}: {remedy}")
    # A later call may need gradients; the random numbers of the layers' initial values must not be missed elsewhere.
    with torch.inference_mode(False), torch.random.fork_rng(devices=[]):
        weights = torch.load(path, map_location="cpu", weights_only=True)
        network = StNetwork(trained.build_stages(), weights).eval().requires_grad_(False)
        return network.to(device).to(memory_format=torch.channels_last)  # nearly twice as fast on CPUs


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
        images = _to_rgb(images)
        factor = self.min_size / min(images.shape[2:])
        if factor > 1:
            size = [round(side * factor) for side in images.shape[2:]]
            images = F.interpolate(images, size, mode="bilinear", align_corners=False)
        maps = load_network("alex", images.device, "features=st_alexnet").features(images)
        return torch.cat([maps[i].mean((2, 3)) * scale for i, scale in self.scales.items()], 1)


def _to_rgb(images: Tensor) -> Tensor:
    """Return images in [-1, 1] with three channels; mid-grey, behind RGBA images, is 0."""
    channels = images.shape[1]
    if channels not in (1, 3, 4):
        raise ValueError(f"images must have 1, 3 or 4 channels, not {channels}")
    return images[:, :3] * (images[:, 3:] + 1) / 2 if channels == 4 else images.expand(-1, 3, -1, -1)
