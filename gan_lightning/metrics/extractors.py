"""Extractors of features of images: classifiers with fixed weights, and a network with random weights.

An extractor is not an ``nn.Module``, so that a module with an extractor as attribute does not train it or store it in
checkpoints. Its weights never change, so that metrics of different runs can be compared.
"""

import hashlib
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar, NamedTuple, cast

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from gan_lightning.errors import UserError
from gan_lightning.files import check_regular
from gan_lightning.marks import InputPath
from gan_lightning.modalities.image import normalize

DIGITS = Path(__file__).with_name("digits-v1.safetensors")
BATCH = 500  # images in one forward pass


class Extracted(NamedTuple):
    """Output of an extractor for n images.

    Attributes:
        features: (n, d) float32.
        probabilities: (n, classes); None if the extractor is not a classifier.
    """

    features: Tensor
    probabilities: Tensor | None = None

    @property
    def labels(self) -> Tensor | None:
        """The most probable class of each image (n,); None if the extractor is not a classifier."""
        return None if self.probabilities is None else self.probabilities.argmax(1)


class Extractor(ABC):
    """Base class of extractors, which compute features of images.

    Constructors must be cheap: read weights at the first use.

    Attributes:
        name: the name in results.
        sha256: the SHA-256 of the weights, or of whatever else determines the features.
        facts: further facts about the extractor for ``metrics.json``.
        sample_shape: the shape (C, H, W) of the images that it takes; None for any shape.
        frechet_name: the name of the metric that is the Fréchet distance of its features.
        frechet_title: the name of that distance in words.
    """

    name: str
    sha256: str
    facts: dict[str, str]
    sample_shape: tuple[int, ...] | None
    frechet_name: str = "fcd"
    frechet_title: str = "Fréchet classifier distance"

    @abstractmethod
    def extract(self, images: Tensor) -> Extracted:
        """Return features of images (n, C, H, W) uint8, and class probabilities if the extractor is a classifier."""


class ClassifierNetwork(nn.Module):
    """Classifier with five convolutions, batch norm and 64 features.

    It has 112,000 parameters for 1×28×28 images and 10 classes. ``scale`` gives the features of real images a mean
    variance of 1, so that distances do not depend on the scale of the weights. A subclass may have other convolutions.

    Args:
        sample_shape: the shape (C, H, W) of the images.
        num_classes: number of classes.
    """

    num_features = 64
    # Channels, size of the kernel, and stride of each convolution.
    widths: ClassVar[Sequence[tuple[int, int, int]]] = ((16, 3, 2), (32, 3, 1), (64, 3, 2), (64, 3, 1), (32, 3, 2))
    scale: Tensor

    def __init__(self, sample_shape: Sequence[int] = (1, 28, 28), num_classes: int = 10) -> None:
        super().__init__()
        channels, height, width = sample_shape
        blocks: list[nn.Module] = []
        for out, kernel, stride in self.widths:
            blocks += [
                nn.Conv2d(channels, out, kernel, stride, padding=1, bias=False),
                nn.BatchNorm2d(out),
                nn.ReLU(),
            ]
            channels, height, width = out, math.ceil(height / stride), math.ceil(width / stride)
        linear = nn.Linear(channels * height * width, self.num_features)
        self.body = nn.Sequential(*blocks, nn.Flatten(), linear, nn.ReLU())
        self.head = nn.Linear(self.num_features, num_classes)
        self.register_buffer("scale", torch.ones(()))

    def forward(self, images: Tensor) -> Tensor:
        """Return features (n, d) of images (n, C, H, W) in [-1, 1]."""
        return self.body(images) * self.scale

    def classify(self, features: Tensor) -> Tensor:
        """Return logits (n, classes) of features (n, d)."""
        return self.head(features / self.scale)

    @torch.no_grad()
    def standardize(self, images: Tensor) -> None:
        """Set ``scale`` by the features of real images (n, C, H, W) in [-1, 1]."""
        features = torch.cat([self.body(part) for part in images.split(BATCH)])
        self.scale.copy_(features.var(0).mean().rsqrt())

    def fuse_batch_norms(self) -> "ClassifierNetwork":
        """Fold each batch norm into its convolution, in place; the network can then only be evaluated."""
        layers = list(self.body)
        for i, layer in enumerate(layers):
            if isinstance(layer, nn.BatchNorm2d):
                convolution = cast(nn.Conv2d, layers[i - 1])
                layers[i - 1], layers[i] = fuse_conv_bn_eval(convolution, layer), nn.Identity()
        self.body = nn.Sequential(*layers)
        return self


class LoadedClassifier(NamedTuple):
    """Content of a classifier's file."""

    network: ClassifierNetwork
    facts: dict[str, str]
    sha256: str
    sample_shape: tuple[int, ...]


class Classifier(Extractor):
    """Extractor that uses a trained :class:`ClassifierNetwork`.

    Args:
        path: a file written by scripts/train_extractor.py; None for the classifier in the package, trained on MNIST.

    Raises:
        UserError: at the first use, if the file is missing or damaged, or does not hold a classifier.
    """

    def __init__(self, path: InputPath[str | None] = None) -> None:
        self.path = DIGITS if path is None else Path(path)

    @cached_property
    def loaded(self) -> LoadedClassifier:
        return load_classifier(self.path)

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.facts["name"]

    @property
    def sha256(self) -> str:  # type: ignore[override]
        return self.loaded.sha256

    @property
    def facts(self) -> dict[str, str]:  # type: ignore[override]
        return self.loaded.facts

    @property
    def sample_shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return self.loaded.sample_shape

    def extract(self, images: Tensor) -> Extracted:
        check_images(images, self.sample_shape)
        network = self.loaded.network
        with torch.no_grad():
            features = torch.cat([network(normalize(part)) for part in images.split(BATCH)])
            return Extracted(features, network.classify(features).softmax(1))


class StackedClassifier(Extractor):
    """Extractor that applies a classifier to each of three channels: 3 times the features, classes³ classes.

    Args:
        classifier: the classifier of grey images.
    """

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"{self.classifier.name} on each channel"

    @property
    def sha256(self) -> str:  # type: ignore[override]
        return self.classifier.sha256

    @property
    def facts(self) -> dict[str, str]:  # type: ignore[override]
        return self.classifier.facts

    @property
    def sample_shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return (3, *self.classifier.sample_shape[1:])

    def extract(self, images: Tensor) -> Extracted:
        check_images(images, self.sample_shape)
        red, green, blue = (self.classifier.extract(images[:, i : i + 1]) for i in range(3))
        features = torch.cat([red.features, green.features, blue.features], 1)
        triples = torch.einsum("ni,nj,nk->nijk", red.probabilities, green.probabilities, blue.probabilities)
        return Extracted(features, triples.flatten(1))


class RandomConvolutions(Extractor):
    """Extractor with random convolutions. No generator can have been optimized against its features.

    The features are the mean and the standard deviation of each feature map after the last convolution.

    Args:
        widths: number of channels after each convolution.
        seed: seed of the weights.
    """

    sample_shape = None

    def __init__(self, widths: Sequence[int] = (32, 64, 128), seed: int = 0) -> None:
        self.widths = widths
        self.seed = seed
        self.name = f"random-conv-{'-'.join(map(str, widths))}-{seed}"
        self.sha256 = hashlib.sha256(self.name.encode()).hexdigest()
        self.facts = {}

    def extract(self, images: Tensor) -> Extracted:
        check_images(images)
        kernels = self._kernels(images.shape[1])
        return Extracted(torch.cat([_convolve(normalize(part), kernels) for part in images.split(BATCH)]))

    def _kernels(self, channels: int) -> list[Tensor]:
        """Return the weights for images with ``channels`` channels, the same in every call."""
        generator = torch.Generator().manual_seed(self.seed)
        return [
            torch.randn(o, i, 3, 3, generator=generator) * (2 / (9 * i)) ** 0.5
            for i, o in zip([channels, *self.widths], self.widths, strict=False)
        ]


def _convolve(x: Tensor, kernels: Sequence[Tensor]) -> Tensor:
    for kernel in kernels:
        x = F.relu(F.conv2d(x, kernel, stride=2, padding=1))
    return torch.cat([x.mean((2, 3)), x.std((2, 3))], 1)


def check_images(images: Tensor, sample_shape: Sequence[int] | None = None) -> None:
    """Raise unless images are (n, C, H, W) uint8, because a wrong range would give plausible metrics.

    Raises:
        TypeError: if the images are not uint8.
        ValueError: if they have another shape.
    """
    if images.dtype != torch.uint8:
        raise TypeError(f"images must be uint8 in 0…255, not {images.dtype}: to_uint8() converts from [-1, 1]")
    expected = "(n, C, H, W)" if sample_shape is None else f"(n, {', '.join(map(str, sample_shape))})"
    if images.dim() != 4 or (sample_shape is not None and images.shape[1:] != sample_shape):
        raise ValueError(f"images must be {expected}, not {tuple(images.shape)}")


def load_classifier(
    path: Path, make: type[ClassifierNetwork] = ClassifierNetwork, key: str = "features.path"
) -> LoadedClassifier:
    """Return the classifier in a file.

    Args:
        path: the file to read.
        make: class of the network whose weights the file holds.
        key: the key that names the file, for messages.

    Raises:
        UserError: if the file is missing or damaged, or does not hold such a network.
    """
    try:
        check_regular(path)
        weights = load_file(path)
        with safe_open(path, "pt") as file:
            facts = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise UserError(f"{key}={path}: not a readable .safetensors file ({error})") from error
    if not {"name", "sha256", "sample_shape"} <= facts.keys():
        raise UserError(f"{key}={path}: not written by scripts/train_extractor.py: train a classifier with it")
    sha256 = weights_hash(weights)
    if facts["sha256"] != sha256:
        raise UserError(f"{path}: expected SHA-256 {facts['sha256']}, found {sha256}: get the file again")
    try:
        sample_shape = tuple(json.loads(facts["sample_shape"]))
        network = make(sample_shape, len(weights["head.bias"])).eval().requires_grad_(False)
        network.load_state_dict({name: weight.float() for name, weight in weights.items()})
    except (ValueError, LookupError, TypeError, RuntimeError) as error:
        raise UserError(f"{key}={path}: its weights make no classifier ({type(error).__name__})") from error
    return LoadedClassifier(network.fuse_batch_norms(), facts, sha256, sample_shape)


def save_classifier(network: ClassifierNetwork, path: Path, facts: dict[str, str]) -> None:
    """Write a classifier's weights in float16, with facts about it and the hash of the weights."""
    weights = {
        key: weight.half() if weight.is_floating_point() else weight for key, weight in network.state_dict().items()
    }
    path.write_bytes(save(weights, metadata=facts | {"sha256": weights_hash(weights)}))


def weights_hash(weights: dict[str, Tensor]) -> str:
    """Return the SHA-256 of the names, types, shapes and values of weights."""
    digest = hashlib.sha256()
    for name, weight in sorted(weights.items()):
        digest.update(json.dumps([name, str(weight.dtype), list(weight.shape)]).encode())
        digest.update(weight.numpy().tobytes())
    return digest.hexdigest()
