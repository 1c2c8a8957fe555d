"""Evaluator of models that translate images of one domain into another."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib.util import find_spec

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor, nn

from gan_lightning.algorithms.model import GenerativeModel, Weights, evaluating
from gan_lightning.data.datamodule import Data
from gan_lightning.data.unpaired import Unpaired
from gan_lightning.metrics.classes import label_accuracy
from gan_lightning.metrics.classifier_training import predict, train
from gan_lightning.metrics.evaluator import Evaluator
from gan_lightning.metrics.extractors import BATCH, Extractor, RandomConvolutions
from gan_lightning.metrics.metric import Metrics
from gan_lightning.metrics.reference import NotEvaluated, Split, evenly_spaced
from gan_lightning.metrics.st_lpips import StAlexNet
from gan_lightning.metrics.translation_baselines import ColourMoments, PairedLinear
from gan_lightning.metrics.translation_metrics import (
    LEVELS,
    NOISE,
    TranslationReference,
    TranslationView,
    translation_metrics,
)
from gan_lightning.modalities.image import normalize, to_uint8
from gan_lightning.modalities.samples import Content, Sample, cat
from gan_lightning.networks.perceptual import PACKAGE

Translate = Callable[[Tensor], Tensor]  # images (n, c, h, w) uint8 to translations (n, C, H, W) uint8

FORWARD = 64  # images that are translated at once: they may be large
MAX_TRAINING = 10_000  # images that a classifier is trained on
IMAGES_SEEN, MIN_EPOCHS = 20_000, 4  # in the training of a classifier, over all epochs
CLASSIFIER_SEED = 0
SHOWN, COLUMNS = 32, 4  # translations in the sheet, and in each of its rows


class TranslationEvaluator(Evaluator):
    """Evaluator of images that a model has translated from images of another domain.

    The sources are test images that training has not seen. Translations are compared with their truth if the data know
    it, and with real images of the other domain. If the data have labels, a classifier that is trained on real images
    says whether the translations keep the class of their sources, and another one that is trained on translations of
    training images is tested on real images. If the model has a generator back, as CycleGAN does, the error after there
    and back is measured, exactly and with noise on the translation that destroys codes hidden in it.

    Args:
        features: the extractor; None for the AlexNet of ST-LPIPS, or random convolutions if it is not installed.
        n: default number of images to translate.
    """

    random = False
    reference: TranslationReference
    captions: Mapping[str, str] = {
        "translations": "Test images, their translations and, if it is known, the truth.",
        "identity": "The sources, unchanged.",
        "colour_moments": "The sources, with the mean and standard deviation of each channel of the other domain.",
        "paired_linear": "Each pixel is a weighted sum of its 7×7 neighbours, learned from pairs.",
    }

    def __init__(self, features: Extractor | None = None, n: PositiveInt = 2000) -> None:
        super().__init__(n)
        if features is not None and not isinstance(features, Extractor):
            raise TypeError(f"features: makes a {type(features).__name__}: it must be an Extractor")
        self.extractor = features or (StAlexNet() if find_spec(PACKAGE) else RandomConvolutions())
        self.metrics = translation_metrics(self.extractor)

    def prepare(self, data: Data, n: int | None = None, split: Split = "test", seed: int = 0) -> None:
        if not isinstance(data, Unpaired):
            raise NotEvaluated(f"data.evaluator: {type(self).__name__} needs images of two domains: data=unpaired")
        super().prepare(data, n, split, seed)
        self.data = data
        translated, result = data.test_domains if self.reference.split == "test" else data.domains
        order = torch.randperm(len(translated.images), generator=torch.Generator().manual_seed(seed))
        chosen = order[: self.reference.n].sort().values  # all in order if all are chosen, as files of translations are
        self.sources = translated.images[chosen]
        self.truth = result.images[chosen] if data.truth and self.reference.split == "test" else None
        self.labels = None if translated.labels is None else translated.labels[chosen]
        self.extractor.extract(self.reference.real.content[:1])  # errors of the extractor appear now, not hours later
        for computed in ("source_frechet", "classifier", "real_accuracy"):  # of an earlier reference
            self.__dict__.pop(computed, None)

    @property
    def n_generated(self) -> int:
        return len(self.sources)

    def features(self, content: Content) -> Tensor:
        assert isinstance(content, Tensor)
        return self.extractor.extract(content).features

    def view(self, content: Content, condition: Sample | None = None) -> TranslationView:
        return TranslationView(self, content, condition)

    def describe(self) -> dict[str, str]:
        return {"name": self.extractor.name, "sha256": self.extractor.sha256} | self.extractor.facts

    def generate(
        self,
        model: GenerativeModel,
        data: Data,
        n: int,
        seed: int,
        weights: Weights | None = None,
        quick: bool = False,
    ) -> tuple[Content, Sample | None]:
        """Return the translations of the first n sources, and measurements that need the model.

        These stand in place of the conditions: ``training``, the translations of training images; and ``cycle``,
        ``cycle_rounded`` and ``cycle_noisy``, the mean absolute errors (n,) after there and back.
        """

        def translate(images: Tensor) -> Tensor:
            parts = model.sample_parts(len(images), normalize(images), seed=seed, weights=weights, most=FORWARD)
            translated = cat(list(parts))
            assert isinstance(translated, Tensor)
            return translated

        sources = self.sources[:n]
        translated = translate(sources)
        if quick:
            return to_uint8(translated), None
        measured = self._training_translations(lambda images: to_uint8(translate(images)))
        backward_of: Callable[..., nn.Module] | None = getattr(model, "backward_of", None)
        if backward_of is not None:
            measured |= _cycle_errors(backward_of(weights), normalize(sources), translated, seed)
        return to_uint8(translated), measured

    def translators(self) -> Iterator[tuple[str, Translate]]:
        """Yield the simple translators to compare with, by name."""
        translated, result = self.data.domains
        if translated.images.shape[1:] == result.images.shape[1:]:
            yield "identity", lambda images: images
            yield "colour_moments", ColourMoments(translated.images, result.images)
        if (pairs := self.data.pairs) is not None:
            yield "paired_linear", PairedLinear(*pairs)

    def baselines(self) -> dict[str, Content]:
        return {name: translate(self.sources) for name, translate in self.translators()}

    def baseline_metrics(self) -> dict[str, Metrics]:
        if self._baselines is None:
            self._baselines = {
                name: self(translate(self.sources), self._training_translations(translate))
                for name, translate in self.translators()
            }
        return self._baselines

    @cached_property
    def source_frechet(self) -> float:
        """Fréchet distance of the sources to real images."""
        return self.view(self.sources).frechet

    @cached_property
    def classifier(self) -> Callable[[Tensor], Tensor] | None:
        """Function from real images (n, C, H, W) uint8 to their classes (n,); None if there are no labels."""
        images, labels = self.data.domains[1]
        if labels is None:
            return None
        return train_classifier(evenly_spaced(images, MAX_TRAINING), evenly_spaced(labels, MAX_TRAINING))

    @cached_property
    def real_accuracy(self) -> float | None:
        """Accuracy of the classifier of real images on real test images; None if there are no labels."""
        return None if self.classifier is None else self._accuracy_on_real(self.classifier)

    def accuracy_after_training(self, translated: Tensor) -> float:
        """Return the accuracy on real test images of a classifier trained on translations of training images."""
        labels = self.data.domains[0].labels
        assert labels is not None
        return self._accuracy_on_real(train_classifier(translated, evenly_spaced(labels, MAX_TRAINING)))

    def _accuracy_on_real(self, classify: Callable[[Tensor], Tensor]) -> float:
        real = self.data.test_domains[1] if self.reference.split == "test" else self.data.domains[1]
        assert real.labels is not None
        return label_accuracy(classify(real.images), real.labels)

    def _training_translations(self, translate: Translate) -> dict[str, Tensor]:
        """Return translations of training images for :meth:`accuracy_after_training`; nothing if labels are missing."""
        images, labels = self.data.domains[0]
        return {} if labels is None else {"training": translate(evenly_spaced(images, MAX_TRAINING))}

    def pictures(self, content: Content, condition: Sample | None = None) -> dict[str, np.ndarray]:
        assert isinstance(content, Tensor)
        columns = [self.sources, content] + ([] if self.truth is None else [self.truth])
        n = min(len(content), SHOWN)
        shown = torch.stack([_as_shape(one[:n], content.shape[1:]) for one in columns], 1).flatten(0, 1)
        return {"translations": self.data.modality.sheet(shown, COLUMNS * len(columns))}


def train_classifier(images: Tensor, labels: Tensor) -> Callable[[Tensor], Tensor]:
    """Return a function from images (n, C, H, W) uint8 to their classes (n,), trained on images with labels."""
    with torch.random.fork_rng(devices=[]):
        epochs = max(IMAGES_SEEN // len(images), MIN_EPOCHS)
        network = train(images, labels, int(labels.max()) + 1, epochs, CLASSIFIER_SEED)

    @torch.no_grad()
    def classify(images: Tensor) -> Tensor:
        return torch.cat([predict(network, normalize(part)).argmax(1) for part in images.split(BATCH)])

    return classify


@torch.no_grad()
def _cycle_errors(backward: nn.Module, sources: Tensor, translated: Tensor, seed: int) -> dict[str, Tensor]:
    """Return the mean absolute error (n,) of each source after there and back, by the form of the translation.

    Args:
        backward: generator (None, translation) -> source.
        sources: (n, c, h, w) in [-1, 1].
        translated: their translations (n, C, H, W), on the device of the generator.
        seed: seed of the noise.
    """
    rounded = normalize(to_uint8(translated))
    noise = NOISE / LEVELS * torch.randn(rounded.shape, generator=torch.Generator().manual_seed(seed))
    forms = {"cycle": translated, "cycle_rounded": rounded, "cycle_noisy": rounded + noise}

    def error(form: Tensor) -> Tensor:
        parts = form.to(translated.device).split(FORWARD)
        returned = torch.cat([backward(None, part) for part in parts]).cpu()
        return (returned - sources).abs().mean((1, 2, 3))

    with evaluating(backward):
        return {name: error(form) for name, form in forms.items()}


def _as_shape(images: Tensor, shape: torch.Size) -> Tensor:
    """Return images (n, c, h, w) uint8 of other size or grey ones as (n, *shape), to show them beside others."""
    images = images.expand(-1, shape[0], -1, -1) if images.shape[1] == 1 else images[:, : shape[0]]
    return images if images.shape[2:] == shape[1:] else F.interpolate(images, shape[1:])
