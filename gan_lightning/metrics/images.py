"""Measures samples of images."""

import math
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from pydantic import PositiveInt
from torch import Tensor

from gan_lightning.data.datamodule import Data
from gan_lightning.metrics.classes import class_kl, classifier_score, label_accuracy, modes, shares
from gan_lightning.metrics.distances import frechet_distance, kernel_distance
from gan_lightning.metrics.evaluator import Evaluator, Metric, Metrics
from gan_lightning.metrics.extractors import Classifier, Extracted, Extractor, RandomConvolutions
from gan_lightning.metrics.pictures import class_histogram, precision_and_recall
from gan_lightning.metrics.pixels import sharpness
from gan_lightning.metrics.reference import NotEvaluated, Reference, Split, View
from gan_lightning.modalities.image import Images
from gan_lightning.modalities.samples import Content, Sample
from gan_lightning.paths import cache_dir

UNTRAINED = RandomConvolutions()


class ImageView(View):
    """Images as metrics see them."""

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
    def untrained_features(self) -> Tensor:
        return UNTRAINED.extract(self.content).features


ImageReference: TypeAlias = Reference[ImageView]


def fcd(reference: ImageReference, samples: ImageView) -> float | None:
    if reference.split == "train" or samples.evaluator.untrained:
        return None
    return frechet_distance(samples.features, reference.real.features)


def fcd_train(reference: ImageReference, samples: ImageView) -> float | None:
    if samples.evaluator.untrained:
        return None
    training = reference.real if reference.split == "train" else reference.other
    return frechet_distance(samples.features, training.features)


def fcd_train_of_real(reference: ImageReference) -> float | None:
    if reference.real.evaluator.untrained:
        return None
    return frechet_distance(reference.other.features, reference.real.features)


def frechet_random_conv(reference: ImageReference, samples: ImageView) -> float:
    return frechet_distance(samples.untrained_features, reference.real.untrained_features)


def kernel(reference: ImageReference, samples: ImageView) -> float:
    return kernel_distance(samples.features, reference.real.features)


def class_shares(reference: ImageReference, num_classes: int) -> Tensor:
    """Return the share of each class (classes,) that samples should have."""
    if reference.real.evaluator.uniform_classes or reference.real.labels is None:
        return torch.full((num_classes,), 1 / num_classes, dtype=torch.float64)
    return shares(reference.real.labels, num_classes)


def class_distance(reference: ImageReference, samples: ImageView) -> float | None:
    if samples.labels is None:
        return None
    return class_kl(samples.labels, class_shares(reference, samples.evaluator.num_classes))


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
    return f"classes: unevenly seen (class KL {value:.2g}, real {real:.2g})" if value > 0.05 + real else None


def missing_classes(value: float, real: float) -> str | None:
    return f"classes: {value:.0f} of {real:.0f} seen" if value < 0.95 * real else None


def odd_sharpness(value: float, real: float) -> str | None:
    if value < 0.5:
        return f"blur: {value:.2g} of the sharpness of real images"
    return f"noise: {value:.2g} times the sharpness of real images" if value > 2 else None


class ImageEvaluator(Evaluator):
    """Measures images in the features of a classifier, and in pixels.

    Args:
        features: makes features of images. If None, a classifier that scripts/train_extractor.py has trained on the
            same data; where there is none, random convolutions.
        n: how many samples are measured.
        uniform_classes: whether samples should have all classes equally often, and not as often as the data.
    """

    metrics = (
        Metric("fcd", "Fréchet classifier distance to the test set; 0 at best", fcd, headline=True),
        Metric(
            "fcd_train",
            "the same to training images: to choose between models",
            fcd_train,
            baseline=fcd_train_of_real,
            headline=True,
        ),
        Metric(
            "frechet_random_conv",
            "Fréchet distance of a network that nobody trained",
            frechet_random_conv,
            headline=True,
        ),
        Metric("kernel_distance", "unbiased squared MMD, cubic kernel; 0 at best", kernel),
        *Evaluator.metrics,
        Metric(
            "class_kl",
            "how far the samples' classes are from the data's, nats",
            class_distance,
            quick=True,
            headline=True,
            warn=uneven_classes,
        ),
        Metric("label_accuracy", "share that has the class it was made for", accuracy, headline=True),
        Metric("modes", "classes seen", modes_seen, quick=True, warn=missing_classes),
        Metric("modes_5", "classes with 5 samples or more", modes_seen_often),
        Metric("classifier_score", "confident and varied classes; their number at best", score),
        Metric("sharpness", "below 1 blurred, above 1 noisy", relative_sharpness, warn=odd_sharpness),
    )

    reference: ImageReference
    extractor: Extractor

    def __init__(
        self, features: Extractor | None = None, n: PositiveInt = 10_000, uniform_classes: bool = False
    ) -> None:
        super().__init__(n)
        if features is not None and not isinstance(features, Extractor):
            raise TypeError(f"features: makes a {type(features).__name__}: it must be an Extractor")
        self.chosen = features
        self.uniform_classes = uniform_classes

    @property
    def untrained(self) -> bool:
        """True if the features are those of random convolutions, whose distance is a metric anyway."""
        return isinstance(self.extractor, RandomConvolutions)

    @property
    def num_classes(self) -> int:
        """Number of classes that the extractor tells apart; 1 if it is no classifier."""
        probabilities = self.reference.real.probabilities
        return 1 if probabilities is None else probabilities.shape[1]

    def prepare(self, data: Data, n: int | None = None, split: Split = "test", seed: int = 0) -> None:
        if not isinstance(data.modality, Images):
            raise NotEvaluated(f"data.evaluator: {type(self).__name__} measures no {type(data.modality).__name__}")
        self.extractor = self.chosen or default_extractor(data)
        expected, found = self.extractor.sample_shape, data.modality.sample_shape
        if expected not in (None, found):
            raise NotEvaluated(
                f"features: {self.extractor.name} takes images of {list(expected or ())}, the data have {list(found)}: "
                "random_convolutions take any"
            )
        super().prepare(data, n, split, seed)
        self.extractor.extract(self.reference.real.content[:1])  # what is wrong with it shows now, not after hours

    def features(self, content: Content) -> Tensor:
        assert isinstance(content, Tensor)
        return self.extractor.extract(content).features

    def view(self, content: Content, condition: Sample | None = None) -> ImageView:
        return ImageView(self, content, condition)

    def collapsed(self, metrics: Metrics) -> list[str]:
        found = super().collapsed(metrics)
        if metrics.get("class_kl", 0) > 0.75 * math.log(self.num_classes):
            found.insert(
                0, f"few classes: {metrics['modes']:.0f} of {self.num_classes} (class KL {metrics['class_kl']:.2g})"
            )
        return found

    def pictures(self, content: Content, condition: Sample | None = None) -> dict[str, np.ndarray]:
        samples, real = self.view(content, condition), self.reference.real
        drawn = super().pictures(content, condition)
        drawn["precision_recall"] = precision_and_recall(real, samples)
        if samples.labels is not None:
            drawn["classes"] = class_histogram(samples.labels, class_shares(self.reference, self.num_classes))
        return drawn

    def describe(self) -> dict[str, str]:
        return {"name": self.extractor.name, "sha256": self.extractor.sha256} | self.extractor.facts


def default_extractor(data: Data) -> Extractor:
    """Return the classifier that was trained on the data; where there is none, random convolutions."""
    trained = cached_classifier(data)
    return Classifier(str(trained)) if trained.is_file() else RandomConvolutions()


def cached_classifier(data: Data) -> Path:
    """Return where a classifier that was trained on the data is kept, by the hash of the examples."""
    return cache_dir() / "extractors" / f"{data.describe()['sha256'][:32]}.safetensors"
