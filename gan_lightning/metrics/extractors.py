"""Pictures to features: classifiers with fixed weights, and a judge that does not share their blind spots.

An extractor is no ``nn.Module``: as an attribute of one it stays out of its parameters, its checkpoints and its
``train()``. Its weights never change, so that figures of different runs can be compared.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, cast

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from gan_lightning.data.datamodule import normalize
from gan_lightning.errors import UserError
from gan_lightning.files import check_regular

DIGITS = Path(__file__).with_name("digits-v1.safetensors")
BATCH = 500  # pictures at once


class Verdicts(NamedTuple):
    features: Tensor  # (n, d) float32
    probabilities: Tensor | None  # (n, classes), of a classifier

    @property
    def labels(self) -> Tensor | None:
        """The likeliest class (n,)."""
        return None if self.probabilities is None else self.probabilities.argmax(1)


class Extractor(Protocol):
    """Makes features of pictures."""

    @property
    def name(self) -> str:
        """What a figure is labelled with."""

    @property
    def sha256(self) -> str:
        """Of what determines the features."""

    @property
    def facts(self) -> dict[str, str]:
        """What else a reader should know of it."""

    @property
    def sample_shape(self) -> tuple[int, ...] | None:
        """(C, H, W) of the pictures that it judges; None for any."""

    def judge(self, pictures: Tensor) -> Verdicts:
        """(n, C, H, W) uint8 to features, and class probabilities if it is a classifier."""


class ClassifierNetwork(nn.Module):
    """Five convolutions with batch norm, 64 features, classes; 112,000 parameters for 1×28×28 pictures and 10 classes.

    ``scale`` gives the features of real pictures a variance of 1 on average, so that distances between them mean the
    same whatever a training run makes of the last layer.
    """

    scale: Tensor

    def __init__(self, sample_shape: Sequence[int] = (1, 28, 28), num_classes: int = 10) -> None:
        super().__init__()
        channels, height, width = sample_shape
        widths = [(channels, 16, 2), (16, 32, 1), (32, 64, 2), (64, 64, 1), (64, 32, 2)]  # in, out, stride
        blocks = [
            layer
            for i, o, stride in widths
            for layer in (nn.Conv2d(i, o, 3, stride, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU())
        ]
        positions = math.ceil(height / 8) * math.ceil(width / 8)
        self.body = nn.Sequential(*blocks, nn.Flatten(), nn.Linear(32 * positions, 64), nn.ReLU())
        self.head = nn.Linear(64, num_classes)
        self.register_buffer("scale", torch.ones(()))

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, C, H, W) in [-1, 1] to features (n, 64)."""
        return self.body(pictures) * self.scale

    def classify(self, features: Tensor) -> Tensor:
        """Features (n, 64) to logits (n, classes)."""
        return self.head(features / self.scale)

    @torch.no_grad()
    def standardize(self, pictures: Tensor) -> None:
        """Set ``scale`` by real pictures (n, C, H, W) in [-1, 1]."""
        features = torch.cat([self.body(part) for part in pictures.split(BATCH)])
        self.scale.copy_(features.var(0).mean().rsqrt())

    def fused(self) -> "ClassifierNetwork":
        """For evaluation: each batch norm folded into its convolution."""
        layers = list(self.body)
        for i, layer in enumerate(layers):
            if isinstance(layer, nn.BatchNorm2d):
                convolution = cast(nn.Conv2d, layers[i - 1])
                layers[i - 1], layers[i] = fuse_conv_bn_eval(convolution, layer), nn.Identity()
        self.body = nn.Sequential(*layers)
        return self


class Classifier:
    """A trained :class:`ClassifierNetwork`, by default the one that comes with the package, trained on MNIST.

    Raises:
        UserError: if there is no such file, or it is none of these or damaged, by the hash that it carries.
    """

    def __init__(self, path: Path = DIGITS) -> None:
        try:
            check_regular(path)
            weights = load_file(path)
            with safe_open(path, "pt") as file:
                self.facts = file.metadata() or {}
        except (OSError, SafetensorError) as error:
            raise UserError(f"features={path}: not a readable .safetensors file ({error})") from error
        if not {"name", "sha256", "sample_shape"} <= self.facts.keys():
            raise UserError(f"features={path}: not a classifier that scripts/train_extractor.py wrote")
        self.name = self.facts["name"]
        self.sha256 = weights_hash(weights)
        if self.facts["sha256"] != self.sha256:
            raise UserError(f"{path}: expected SHA-256 {self.facts['sha256']}, found {self.sha256}: get it again")
        try:
            self.sample_shape = tuple(json.loads(self.facts["sample_shape"]))
            self.num_classes = len(weights["head.bias"])
            network = ClassifierNetwork(self.sample_shape, self.num_classes).eval().requires_grad_(False)
            network.load_state_dict({name: weight.float() for name, weight in weights.items()})
        except (ValueError, LookupError, TypeError, RuntimeError) as error:
            raise UserError(f"features={path}: its weights make no classifier ({type(error).__name__})") from error
        self._network = network.fused()

    def judge(self, pictures: Tensor) -> Verdicts:
        check_pictures(pictures, self.sample_shape)
        with torch.no_grad():
            features = torch.cat([self._network(normalize(part)) for part in pictures.split(BATCH)])
            return Verdicts(features, self._network.classify(features).softmax(1))


class StackedClassifier:
    """Judges pictures of three channels as three grey ones: 3 times the features, classes³ classes."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier
        self.name = f"{classifier.name} on each channel"
        self.sha256 = classifier.sha256
        self.facts = classifier.facts
        self.sample_shape = (3, *classifier.sample_shape[1:])

    def judge(self, pictures: Tensor) -> Verdicts:
        check_pictures(pictures, self.sample_shape)
        red, green, blue = (self.classifier.judge(pictures[:, i : i + 1]) for i in range(3))
        features = torch.cat([red.features, green.features, blue.features], 1)
        triples = torch.einsum("ni,nj,nk->nijk", red.probabilities, green.probabilities, blue.probabilities)
        return Verdicts(features, triples.flatten(1))


class RandomConvolutions:
    """Features of a convolutional network that nobody trained: nothing can have been optimized against it.

    Three convolutions with fixed random weights, each feature map summed up by its mean and standard deviation.
    """

    def __init__(self, channels: int, widths: Sequence[int] = (32, 64, 128), seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.name = f"random-conv-{channels}-{'-'.join(map(str, widths))}-{seed}"
        self.sha256 = hashlib.sha256(self.name.encode()).hexdigest()
        self.facts: dict[str, str] = {}
        self.sample_shape = None
        self._kernels = [
            torch.randn(o, i, 3, 3, generator=generator) * (2 / (9 * i)) ** 0.5
            for i, o in zip([channels, *widths], widths, strict=False)
        ]

    def judge(self, pictures: Tensor) -> Verdicts:
        check_pictures(pictures)
        return Verdicts(torch.cat([self._forward(normalize(part)) for part in pictures.split(BATCH)]), None)

    def _forward(self, x: Tensor) -> Tensor:
        for kernel in self._kernels:
            x = F.relu(F.conv2d(x, kernel, stride=2, padding=1))
        return torch.cat([x.mean((2, 3)), x.std((2, 3))], 1)


def check_pictures(pictures: Tensor, sample_shape: Sequence[int] | None = None) -> None:
    """Refuse anything but (n, C, H, W) uint8: a wrong range gives figures that look plausible."""
    if pictures.dtype != torch.uint8:
        raise TypeError(f"pictures must be uint8 in 0…255, not {pictures.dtype}: to_uint8() converts from [-1, 1]")
    expected = "(n, C, H, W)" if sample_shape is None else f"(n, {', '.join(map(str, sample_shape))})"
    if pictures.dim() != 4 or (sample_shape is not None and pictures.shape[1:] != sample_shape):
        raise ValueError(f"pictures must be {expected}, not {tuple(pictures.shape)}")


def save_classifier(network: ClassifierNetwork, path: Path, facts: dict[str, str]) -> None:
    """Write a classifier's weights in float16, with what is to be known of it and their hash."""
    weights = {
        key: weight.half() if weight.is_floating_point() else weight for key, weight in network.state_dict().items()
    }
    save_file(weights, path, metadata=facts | {"sha256": weights_hash(weights)})


def weights_hash(weights: dict[str, Tensor]) -> str:
    """SHA-256 of names, types, shapes and values."""
    digest = hashlib.sha256()
    for name, weight in sorted(weights.items()):
        digest.update(json.dumps([name, str(weight.dtype), list(weight.shape)]).encode())
        digest.update(weight.numpy().tobytes())
    return digest.hexdigest()
