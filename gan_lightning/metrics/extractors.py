"""Pictures to features: a digit classifier with fixed weights, and two judges that do not share its blind spots.

An extractor is no ``nn.Module``: as an attribute of one it stays out of its parameters, its checkpoints and its
``train()``. Its weights never change, so that figures of different runs can be compared.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from gan_lightning.data.images import normalize
from gan_lightning.errors import UserError

DIGITS = Path(__file__).with_name("digits-v1.safetensors")
BATCH = 500  # pictures at once


class Extractor(Protocol):
    """Makes features of pictures."""

    name: str  # what a figure is labelled with
    sha256: str  # of what determines the features

    def features(self, pictures: Tensor) -> Tensor:
        """(n, C, H, W) uint8 to (n, d) float32."""


class DigitNetwork(nn.Module):
    """Five convolutions with batch norm, 64 features, 10 classes; 112,000 parameters.

    ``scale`` gives the features of real pictures a variance of 1 on average, so that distances between them mean the
    same whatever a training run makes of the last layer.
    """

    scale: Tensor

    def __init__(self, channels: int = 1, num_classes: int = 10) -> None:
        super().__init__()
        widths = [(channels, 16, 2), (16, 32, 1), (32, 64, 2), (64, 64, 1), (64, 32, 2)]  # in, out, stride
        blocks = [
            layer
            for i, o, stride in widths
            for layer in (nn.Conv2d(i, o, 3, stride, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU())
        ]
        self.body = nn.Sequential(*blocks, nn.Flatten(), nn.Linear(32 * 4 * 4, 64), nn.ReLU())
        self.head = nn.Linear(64, num_classes)
        self.register_buffer("scale", torch.ones(()))

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, C, 28, 28) in [-1, 1] to features (n, 64)."""
        return self.body(pictures) * self.scale

    def classify(self, features: Tensor) -> Tensor:
        """Features (n, 64) to logits (n, classes)."""
        return self.head(features / self.scale)

    @torch.no_grad()
    def standardize(self, pictures: Tensor) -> None:
        """Set ``scale`` by real pictures (n, C, 28, 28) in [-1, 1]."""
        features = torch.cat([self.body(part) for part in pictures.split(BATCH)])
        self.scale.copy_(features.var(0).mean().rsqrt())


class Verdicts(NamedTuple):
    features: Tensor  # (n, 64)
    probabilities: Tensor  # (n, classes)


class DigitClassifier:
    """A trained :class:`DigitNetwork`, by default the one that comes with the package, trained on MNIST.

    Raises:
        UserError: if the file is damaged, by the hash that it carries.
    """

    def __init__(self, path: Path = DIGITS) -> None:
        weights = load_file(path)
        with safe_open(path, "pt") as file:
            facts = file.metadata()
        self.sha256 = weights_hash(weights)
        if facts["sha256"] != self.sha256:
            raise UserError(f"{path}: expected SHA-256 {facts['sha256']}, found {self.sha256}: install it again")
        self.name = facts["name"]
        self.accuracy = float(facts["accuracy"])  # on the test pictures
        channels, num_classes = weights["body.0.weight"].shape[1], len(weights["head.bias"])
        self._network = DigitNetwork(channels, num_classes).eval().requires_grad_(False)
        self._network.load_state_dict({name: weight.float() for name, weight in weights.items()})

    def features(self, pictures: Tensor) -> Tensor:
        return self.judge(pictures).features

    def judge(self, pictures: Tensor) -> Verdicts:
        """Features and class probabilities of (n, C, 28, 28) uint8."""
        check_pictures(pictures)
        with torch.no_grad():
            features = torch.cat([self._network(normalize(part)) for part in pictures.split(BATCH)])
            return Verdicts(features, self._network.classify(features).softmax(1))


class RandomConvolutions:
    """Features of a convolutional network that nobody trained: nothing can have been optimized against it.

    Three convolutions with fixed random weights, each feature map summed up by its mean and standard deviation.
    """

    def __init__(self, channels: int, widths: Sequence[int] = (32, 64, 128), seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.name = f"random-conv-{channels}-{'-'.join(map(str, widths))}-{seed}"
        self.sha256 = hashlib.sha256(self.name.encode()).hexdigest()
        self._kernels = [
            torch.randn(o, i, 3, 3, generator=generator) * (2 / (9 * i)) ** 0.5
            for i, o in zip([channels, *widths], widths, strict=False)
        ]

    def features(self, pictures: Tensor) -> Tensor:
        check_pictures(pictures)
        return torch.cat([self._forward(normalize(part)) for part in pictures.split(BATCH)])

    def _forward(self, x: Tensor) -> Tensor:
        for kernel in self._kernels:
            x = F.relu(F.conv2d(x, kernel, stride=2, padding=1))
        return torch.cat([x.mean((2, 3)), x.std((2, 3))], 1)


class Pixels:
    """The pictures themselves, flat, in [0, 1]."""

    name = "pixels"
    sha256 = hashlib.sha256(name.encode()).hexdigest()

    def features(self, pictures: Tensor) -> Tensor:
        check_pictures(pictures)
        return pictures.flatten(1).float() / 255


def check_pictures(pictures: Tensor) -> None:
    """Refuse anything but (n, C, H, W) uint8: a wrong range gives figures that look plausible."""
    if pictures.dtype != torch.uint8:
        raise TypeError(f"pictures must be uint8 in 0…255, not {pictures.dtype}: to_uint8() converts from [-1, 1]")
    if pictures.dim() != 4:
        raise ValueError(f"pictures must be (n, C, H, W), not {tuple(pictures.shape)}")


def save_classifier(network: DigitNetwork, path: Path, name: str, accuracy: float, facts: dict[str, str]) -> None:
    """Write a classifier's weights in float16, with its name, its accuracy and their hash."""
    weights = {
        key: weight.half() if weight.is_floating_point() else weight for key, weight in network.state_dict().items()
    }
    facts = facts | {"name": name, "accuracy": f"{accuracy:.4f}", "sha256": weights_hash(weights)}
    save_file(weights, path, metadata=facts)


def weights_hash(weights: dict[str, Tensor]) -> str:
    """SHA-256 of names, types, shapes and values."""
    digest = hashlib.sha256()
    for name, weight in sorted(weights.items()):
        digest.update(json.dumps([name, str(weight.dtype), list(weight.shape)]).encode())
        digest.update(weight.numpy().tobytes())
    return digest.hexdigest()
