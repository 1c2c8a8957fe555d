"""The networks of ST-LPIPS, trained on ImageNet: for perceptual distances and losses, and for style transfer.

The weights are the files of the package stlpips_pytorch (BSD-2-Clause; Ghildyal & Liu, "Shift-tolerant Perceptual
Similarity Metric", ECCV 2022, arXiv:2207.13686). The code of that package is neither imported nor copied: it needs
packages that it does not declare, and its subpackage models_lpf is licensed for non-commercial use only.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_lightning.errors import UserError, missing_extra
from gan_lightning.files import file_digest

Backbone = Literal["alex", "vgg"]
VggLayer = Literal[
    "relu1_1", "relu1_2",
    "relu2_1", "relu2_2",
    "relu3_1", "relu3_2", "relu3_3",
    "relu4_1", "relu4_2", "relu4_3",
    "relu5_1", "relu5_2", "relu5_3",
]  # fmt: skip
PACKAGE, VERSION = "stlpips_pytorch", "0.0.2"


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
        self.relu_names = [_relu_names(i, stage) for i, stage in enumerate(self.stages, 1)]
        convolutions = [layer for layer in self.modules() if isinstance(layer, nn.Conv2d)]
        names = [name for name in weights if name.startswith("net.") and name.endswith(".weight")]
        for convolution, name in zip(convolutions, names, strict=True):
            bias = weights[f"{name.removesuffix('weight')}bias"]
            convolution.load_state_dict({"weight": weights[name], "bias": bias})
        self.heads = nn.ParameterList(weights[f"lin{i}.model.1.weight"] for i in range(len(self.stages)))
        self.register_buffer("shift", weights["scaling_layer.shift"])
        self.register_buffer("scale", weights["scaling_layer.scale"])

    def activations(self, images: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Yield the name of each ReLU in turn, such as relu2_1, and the feature maps (n, C, h, w) after it.

        The first number is that of the stage. Stages with a single ReLU have no second number, as in AlexNet: relu2. A
        layer is computed when the generator reaches it.

        Args:
            images: images (n, 1, 3 or 4, H, W) in [-1, 1]. Grey images become three equal channels; RGBA images are
                blended over mid-grey.
        """
        x = (to_rgb(images.float()) - self.shift) / self.scale
        for stage, names in zip(self.stages, self.relu_names, strict=True):
            remaining = iter(names)
            for layer in stage.children():
                x = layer(x)
                if isinstance(layer, nn.ReLU):
                    yield next(remaining), x

    def activations_of(self, images: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        """Return the feature maps (n, C, h, w) of these layers by name; deeper layers are not computed.

        Raises:
            ValueError: if the network has no such layer.
        """
        known = [name for names in self.relu_names for name in names]
        if unknown := sorted(set(layers) - set(known)):
            raise ValueError(f"no layer {unknown[0]}: choose from {', '.join(known)}")
        found: dict[str, Tensor] = {}
        for name, maps in self.activations(images):
            if name in layers:
                found[name] = maps
            if len(found) == len(set(layers)):
                break
        return found

    def features(self, images: Tensor) -> list[Tensor]:
        """Return the feature maps (n, C, h, w) at the end of each stage, of images as for :meth:`activations`."""
        return list(self.activations_of(images, [names[-1] for names in self.relu_names]).values())

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the distances (n,) of images."""
        distances = torch.zeros(len(a), device=a.device)
        for head, of_a, of_b in zip(self.heads, self.features(a), self.features(b), strict=True):
            difference = F.normalize(of_a, eps=1e-10) - F.normalize(of_b, eps=1e-10)
            distances = distances + (head * difference.square()).sum(1).mean((1, 2))
        return distances


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


def smallest_side(layers: Iterable[VggLayer]) -> int:
    """Return the smallest height and width of images that these layers of VGG16 can take."""
    stage = max(int(layer[len("relu")]) for layer in layers)
    return 2 ** (stage - 1) + 2 if stage > 1 else 1


def _relu_names(number: int, stage: nn.Module) -> list[str]:
    """Return the names of a stage's ReLUs; `number` is that of the stage."""
    relus = sum(isinstance(layer, nn.ReLU) for layer in stage.children())
    return [f"relu{number}"] if relus == 1 else [f"relu{number}_{i}" for i in range(1, relus + 1)]


def to_rgb(images: Tensor) -> Tensor:
    """Return images in [-1, 1] with three channels; mid-grey, behind RGBA images, is 0."""
    channels = images.shape[1]
    if channels not in (1, 3, 4):
        raise ValueError(f"images must have 1, 3 or 4 channels, not {channels}")
    return images[:, :3] * (images[:, 3:] + 1) / 2 if channels == 4 else images.expand(-1, 3, -1, -1)
