"""Evaluator and metrics of images."""

import math
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from pydantic import PositiveInt
from torch import Tensor

from gan_lightning.data.datamodule import Data
from gan_lightning.metrics.classes import class_kl, class_shares, classifier_score, label_accuracy, modes
from gan_lightning.metrics.classifier_training import train_classifier
from gan_lightning.metrics.distances import frechet_distance, kernel_distance
from gan_lightning.metrics.evaluator import Evaluator
from gan_lightning.metrics.extractors import Classifier, Extracted, Extractor, RandomConvolutions
from gan_lightning.metrics.feature_metrics import MORE_VARIETY
from gan_lightning.metrics.metric import Metric, Metrics
from gan_lightning.metrics.pixels import sharpness
from gan_lightning.metrics.plots import plot_class_shares, plot_precision_and_recall
from gan_lightning.metrics.reference import NotEvaluated, Reference, Split, View
from gan_lightning.modalities.image import Images
from gan_lightning.modalities.samples import Content, Sample
from gan_lightning.paths import cache_dir

RANDOM_CONVOLUTIONS = RandomConvolutions()


class ImageView(View):
    """View of images, with the labels and class probabilities that the extractor gives them."""

    evaluator: "ImageEvaluator"
    content: Tensor

    @cached_property
    def extracted(self) -> Extracted:
        return self.evaluator.extractor.extract(self.content)

    @cached_property
    def features(self) -> Tensor:
        return self.extracted.features

    @property
    def probabilities(self) -> Tensor | None:
        return self.extracted.probabilities

    @property
    def labels(self) -> Tensor | None:
        return self.extracted.labels

    @cached_property
    def random_features(self) -> Tensor:
        """Features (n, d) of random convolutions, whatever the evaluator's extractor."""
        return RANDOM_CONVOLUTIONS.extract(self.content).features


ImageReference: TypeAlias = Reference[ImageView]


def fcd(reference: ImageReference, samples: ImageView) -> float | None:
    if reference.split == "train" or samples.evaluator.uses_random_convolutions:
        return None
    return frechet_distance(samples.features, reference.real.features)


def fcd_train(reference: ImageReference, samples: ImageView) -> float | None:
    if samples.evaluator.uses_random_convolutions:
        return None
    training = reference.real if reference.split == "train" else reference.other
    return frechet_distance(samples.features, training.features)


def fcd_train_of_real(reference: ImageReference) -> float | None:
    if reference.real.evaluator.uses_random_convolutions:
        return None
    return frechet_distance(reference.other.features, reference.real.features)


def frechet_random_conv(reference: ImageReference, samples: ImageView) -> float:
    return frechet_distance(samples.random_features, reference.real.random_features)


def kernel(reference: ImageReference, samples: ImageView) -> float:
    return kernel_distance(samples.features, reference.real.features)


def wanted_class_shares(reference: ImageReference, num_classes: int) -> Tensor:
    """Return the share (classes,) that each class should have among samples."""
    if reference.real.evaluator.uniform_classes or reference.real.labels is None:
        return torch.full((num_classes,), 1 / num_classes, dtype=torch.float64)
    return class_shares(reference.real.labels, num_classes)


def class_distance(reference: ImageReference, samples: ImageView) -> float | None:
    if samples.labels is None:
        return None
    return class_kl(samples.labels, wanted_class_shares(reference, samples.evaluator.num_classes))


def accuracy(reference: ImageReference, samples: ImageView) -> float | None:
    wanted = samples.condition
    if samples.labels is None or not isinstance(wanted, Tensor) or wanted.shape != samples.labels.shape:
        return None
    same_classes = getattr(reference.data, "num_classes", None) == samples.evaluator.num_classes
    return label_accuracy(samples.labels, wanted) if same_classes else None


def modes_seen(reference: ImageReference, samples: ImageView) -> float | None:
    return None if samples.labels is None else modes(samples.labels)


def modes_seen_often(reference: ImageReference, samples: ImageView) -> float | None:
    return None if samples.labels is None else modes(samples.labels, at_least=5)


def score(reference: ImageReference, samples: ImageView) -> float | None:
    return None if samples.probabilities is None else classifier_score(samples.probabilities)


def relative_sharpness(reference: ImageReference, samples: ImageView) -> float:
    return sharpness(samples.content, reference.real.content)


def uneven_classes(value: float, real: float) -> str | None:
    uneven = f"the samples have other shares of classes than the data (class KL {value:.2g}, real {real:.2g})"
    return f"classes: {uneven}; {MORE_VARIETY}" if value > 0.05 + real else None


def missing_classes(value: float, real: float) -> str | None:
    seen = f"{value:.0f} of {real:.0f} classes are among the samples"
    return f"classes: {seen}; {MORE_VARIETY}" if value < 0.95 * real else None


def odd_sharpness(value: float, real: float) -> str | None:
    if value < 0.5:
        return f"blur: {value:.2g} times the sharpness of real images; train longer"
    return f"noise: {value:.2g} times the sharpness of real images; train longer" if value > 2 else None


def frechet_metrics(extractor: Extractor | type[Extractor]) -> tuple[Metric, Metric]:
    """Return the metrics of the Fréchet distance in features of an extractor, named by the extractor."""
    name, title = extractor.frechet_name, extractor.frechet_title
    return (
        Metric(name, f"{title} to the test set; 0 at best", fcd, headline=True, better="lower"),
        Metric(
            f"{name}_train",
            f"{title} to training images; to choose between models",
            fcd_train,
            baseline=fcd_train_of_real,
            headline=True,
            better="lower",
        ),
    )


class ImageEvaluator(Evaluator):
    """Evaluator of images, by features of an extractor and by pixels.

    The extractor names its Fréchet distance: ``fcd`` and ``fcd_train`` are replaced by metrics of that name.

    Args:
        features: the extractor; None for the classifier that scripts/train_extractor.py trained on the same data, or
            random convolutions if there is none.
        n: default number of samples to evaluate.
        uniform_classes: True if samples should have equal shares of all classes, False for the shares of the data.
    """

    metrics = (
        *frechet_metrics(Extractor),
        Metric(
            "frechet_random_conv",
            "Fréchet distance in features of random convolutions",
            frechet_random_conv,
            headline=True,
            better="lower",
        ),
        Metric("kernel_distance", "unbiased squared MMD, cubic kernel; 0 at best", kernel, better="lower"),
        *Evaluator.metrics,
        Metric(
            "class_kl",
            "KL divergence of the samples' classes from the data's, in nats",
            class_distance,
            quick=True,
            headline=True,
            warn=uneven_classes,
            better="lower",
        ),
        Metric(
            "label_accuracy",
            "share of samples that have the class they were generated for",
            accuracy,
            headline=True,
            better="higher",
        ),
        Metric(
            "modes",
            "number of classes among the samples",
            modes_seen,
            quick=True,
            warn=missing_classes,
            better="higher",
        ),
        Metric("modes_5", "number of classes with 5 samples or more", modes_seen_often, better="higher"),
        Metric("classifier_score", "how confident and varied the classes are; their number at best", score),
        Metric(
            "sharpness",
            "sharpness relative to real images; below 1 blurred, above 1 noisy",
            relative_sharpness,
            warn=odd_sharpness,
            better="as real",
        ),
    )

    captions: Mapping[str, str] = {
        **Evaluator.captions,
        "precision_recall": "Real examples and samples in two directions of the features; red ones lie apart.",
        "classes": "Share of each class among the samples, and the share that it should have.",
    }

    reference: ImageReference
    extractor: Extractor

    def __init__(
        self, features: Extractor | None = None, n: PositiveInt = 10_000, uniform_classes: bool = False
    ) -> None:
        super().__init__(n)
        if features is not None and not isinstance(features, Extractor):
            raise TypeError(f"features: makes a {type(features).__name__}: it must be an Extractor")
        self.given_extractor = features
        renamed = dict(zip(frechet_metrics(Extractor), frechet_metrics(features or Extractor), strict=True))
        self.metrics = tuple(renamed.get(metric, metric) for metric in self.metrics)
        self.uniform_classes = uniform_classes

    @property
    def uses_random_convolutions(self) -> bool:
        """True if the extractor is random convolutions; ``frechet_random_conv`` then replaces the FCD."""
        return isinstance(self.extractor, RandomConvolutions)

    @property
    def num_classes(self) -> int:
        """Number of classes the extractor predicts; 1 if it is not a classifier."""
        probabilities = self.reference.real.probabilities
        return 1 if probabilities is None else probabilities.shape[1]

    def prepare(self, data: Data, n: int | None = None, split: Split = "test", seed: int = 0) -> None:
        if not isinstance(data.modality, Images):
            raise NotEvaluated(
                f"data.evaluator: {type(self).__name__} evaluates images, and the data are "
                f"{type(data.modality).__name__}: choose another evaluator"
            )
        self.extractor = self.given_extractor or self.default_extractor(data)
        expected, found = self.extractor.sample_shape, data.modality.sample_shape
        if expected not in (None, found):
            raise NotEvaluated(
                f"features: {self.extractor.name} takes images of {list(expected or ())}, the data have {list(found)}: "
                "choose random_convolutions, which take any size"
            )
        super().prepare(data, n, split, seed)
        self.extractor.extract(self.reference.real.content[:1])  # errors of the extractor appear now, not hours later

    def default_extractor(self, data: Data) -> Extractor:
        """Return the cached classifier trained on the data, or random convolutions if there is none."""
        trained = cached_classifier(data)
        return Classifier(str(trained)) if trained.is_file() else RandomConvolutions()

    def features(self, content: Content) -> Tensor:
        assert isinstance(content, Tensor)
        return self.extractor.extract(content).features

    def view(self, content: Content, condition: Sample | None = None) -> ImageView:
        return ImageView(self, content, condition)

    def collapsed(self, metrics: Metrics) -> list[str]:
        signs = super().collapsed(metrics)
        if metrics.get("class_kl", 0) > 0.75 * math.log(self.num_classes):
            signs.insert(
                0, f"few classes: {metrics['modes']:.0f} of {self.num_classes} (class KL {metrics['class_kl']:.2g})"
            )
        return signs

    def pictures(self, content: Content, condition: Sample | None = None) -> dict[str, np.ndarray]:
        samples, real = self.view(content, condition), self.reference.real
        images = super().pictures(content, condition)
        images["precision_recall"] = plot_precision_and_recall(real, samples)
        if samples.labels is not None:
            wanted = wanted_class_shares(self.reference, self.num_classes)
            images["classes"] = plot_class_shares(samples.labels, wanted)
        return images

    def train_extractor(self, data: Data, path: Path, epochs: int, seed: int, name: str | None = None) -> str:
        accuracy, n = train_classifier(data, path, epochs, seed, name)
        return f"accuracy {accuracy:.2%} on {n:,} samples that it was not trained on"

    def describe(self) -> dict[str, str]:
        return {"name": self.extractor.name, "sha256": self.extractor.sha256} | self.extractor.facts


def cached_classifier(data: Data) -> Path:
    """Return the path of a classifier trained on the data, named by the hash of the examples, in the cache."""
    return cache_dir() / "extractors" / f"{data.describe()['sha256'][:32]}.safetensors"
