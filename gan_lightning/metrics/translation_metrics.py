"""Metrics of translated images: distance to the truth, realism, kept content and hidden codes."""

import math
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from gan_lightning.metrics.classes import label_accuracy
from gan_lightning.metrics.distances import frechet_distance
from gan_lightning.metrics.evaluator import Evaluator
from gan_lightning.metrics.extractors import Extractor, RandomConvolutions
from gan_lightning.metrics.fidelity import psnr
from gan_lightning.metrics.metric import Metric
from gan_lightning.metrics.reference import Reference, View
from gan_lightning.metrics.st_lpips import BATCH, st_lpips
from gan_lightning.modalities.image import normalize
from gan_lightning.networks.perceptual import BACKBONES, PACKAGE

if TYPE_CHECKING:
    from gan_lightning.metrics.translation import TranslationEvaluator

SHARED = ("coverage", "two_sample_auc", "duplicate_rate")  # metrics of every modality that suit translations
MIN_DISTANCE = BACKBONES["alex"].min_size  # pixels
MAX_COMPARED = 1000  # translations whose partners are sought
LEVELS = 127.5  # of 8 bits in a unit of samples
NOISE = 2.0  # standard deviation of the noise on translations, in levels
MEAN_NOISE = NOISE * math.sqrt(2 / math.pi)


class TranslationView(View):
    """View of translated images, sample i of source i of the evaluator."""

    evaluator: "TranslationEvaluator"
    content: Tensor

    def measured(self, name: str) -> Tensor | None:
        """Return what :meth:`TranslationEvaluator.generate` has measured with the model; None if it has not."""
        return self.condition.get(name) if isinstance(self.condition, dict) else None

    @cached_property
    def frechet(self) -> float:
        """Fréchet distance to real images."""
        return frechet_distance(self.features, self.evaluator.reference.real.features)


TranslationReference: TypeAlias = Reference[TranslationView]


def psnr_to_truth(reference: TranslationReference, samples: TranslationView) -> float | None:
    """Return the mean over images of the PSNR to the truth; None if it is unknown."""
    truth = samples.evaluator.truth
    if truth is None:
        return None
    values = [psnr(image, true) for image, true in zip(samples.content, truth, strict=True)]
    return sum(values) / len(values)


def st_lpips_to_truth(reference: TranslationReference, samples: TranslationView) -> float | None:
    """Return the mean ST-LPIPS distance to the truth; None if it is unknown or cannot be computed."""
    truth = samples.evaluator.truth
    if truth is None or find_spec(PACKAGE) is None or min(truth.shape[2:]) < MIN_DISTANCE:
        return None
    with torch.no_grad():
        parts = zip(samples.content.split(BATCH), truth.split(BATCH), strict=True)
        return torch.cat([st_lpips(normalize(part), normalize(true)) for part, true in parts]).mean().item()


def frechet(reference: TranslationReference, samples: TranslationView) -> float:
    return samples.frechet


def relative_frechet(reference: TranslationReference, samples: TranslationView) -> float:
    """Return the Fréchet distance to real images, divided by that of the sources."""
    return samples.frechet / samples.evaluator.source_frechet


def retrieval(reference: TranslationReference, samples: TranslationView) -> float | None:
    """Return the share of translations that resemble their own truth, or source, more than those of others.

    It is None if sources of another size are all that is known.

    Images resemble each other by the correlation of the strengths of their edges, which a style changes little.
    """
    evaluator = samples.evaluator
    partners = evaluator.sources if evaluator.truth is None else evaluator.truth
    if partners.shape[2:] != samples.content.shape[2:]:
        return None
    images, partners = (_standardized_edges(one[:MAX_COMPARED]) for one in (samples.content, partners))
    return ((images @ partners.T).argmax(1) == torch.arange(len(images))).double().mean().item()


def label_accuracy_of(reference: TranslationReference, samples: TranslationView) -> float | None:
    labels, classifier = samples.evaluator.labels, samples.evaluator.classifier
    return None if labels is None or classifier is None else label_accuracy(classifier(samples.content), labels)


def transfer_accuracy(reference: TranslationReference, samples: TranslationView) -> float | None:
    """Return the accuracy on real test images of a classifier trained on translations of training images."""
    translated = samples.measured("training")
    return None if translated is None else samples.evaluator.accuracy_after_training(translated)


def real_accuracy(reference: TranslationReference) -> float | None:
    return reference.real.evaluator.real_accuracy


def cycle_error(reference: TranslationReference, samples: TranslationView) -> float | None:
    return _mean(samples.measured("cycle_rounded"))


def noisy_cycle_error(reference: TranslationReference, samples: TranslationView) -> float | None:
    return _mean(samples.measured("cycle_noisy"))


def hidden_code(reference: TranslationReference, samples: TranslationView) -> float | None:
    """Return the cycle error with noise, divided by the error without noise or rounding plus the noise itself."""
    exact, noisy = _mean(samples.measured("cycle")), noisy_cycle_error(reference, samples)
    return None if exact is None or noisy is None else noisy / (exact + MEAN_NOISE)


def no_floor(reference: TranslationReference) -> None:
    """Return None: real images have no such value."""


def unchanged(value: float, real: float) -> str | None:
    distance = (
        f"translations are {value:.2g} times as far from real images as their sources (other real ones {real:.2g})"
    )
    return f"style: {distance}; train longer, or lower the weights of terms that keep content" if value > 0.9 else None


def content_lost(value: float, real: float) -> str | None:
    lost = f"{1 - value:.0%} of the translations resemble another image more than their own"
    return f"content: {lost}; raise the weights of the terms that keep content" if value < 0.5 else None


def labels_lost(value: float, real: float) -> str | None:
    lost = f"{value:.0%} of the translations have the class of their source (real images {real:.0%})"
    return f"content: {lost}; raise the weights of the terms that keep content" if value < 0.6 * real else None


def code_found(value: float, real: float) -> str | None:
    error = f"noise that nobody sees makes the cycle error {value:.2g} times as large as it should"
    return f"hidden code: {error}; in training, set model.cycle_noise=0.02" if value > 2 else None


def translation_metrics(extractor: Extractor) -> tuple[Metric, ...]:
    """Return the metrics of translations, with the Fréchet distance of the features of an extractor."""
    random = isinstance(extractor, RandomConvolutions)
    name = "frechet_random_conv" if random else extractor.frechet_name
    title = "Fréchet distance in features of random convolutions" if random else extractor.frechet_title
    return (
        Metric(
            "psnr", "PSNR to the truth, in dB", psnr_to_truth, no_floor, headline=True, group="truth", better="higher"
        ),
        Metric(
            "st_lpips",
            "perceptual distance to the truth (ST-LPIPS, AlexNet)",
            st_lpips_to_truth,
            no_floor,
            headline=True,
            group="truth",
            better="lower",
        ),
        Metric(name, f"{title} to real images; 0 at best", frechet, headline=True, better="lower"),
        Metric(
            "frechet_ratio",
            "Fréchet distance relative to that of the sources; 1 if nothing changed",
            relative_frechet,
            headline=True,
            warn=unchanged,
            better="lower",
        ),
        *(metric._replace(warn=None, headline=False) for metric in Evaluator.metrics if metric.name in SHARED),
        Metric(
            "retrieval",
            "share of translations that resemble their own truth (or source, if it is unknown) more than others",
            retrieval,
            lambda reference: 1.0,  # of the truth, by definition
            warn=content_lost,
            group="content",
            better="higher",
        ),
        Metric(
            "label_accuracy",
            "share of translations that a classifier of real images gives the class of their source",
            label_accuracy_of,
            real_accuracy,
            headline=True,
            warn=labels_lost,
            group="content",
            better="higher",
        ),
        Metric(
            "transfer_accuracy",
            "accuracy on real images of a classifier that was trained on translations",
            transfer_accuracy,
            real_accuracy,
            group="content",
            better="higher",
        ),
        Metric(
            "cycle_error",
            "mean error after there and back, in 256 levels; the translation rounded to 8 bits",
            cycle_error,
            no_floor,
            group="cycle",
            better="lower",
        ),
        Metric(
            "cycle_error_noisy",
            "the same with noise of a standard deviation of 2 levels on the translation",
            noisy_cycle_error,
            no_floor,
            group="cycle",
            better="lower",
        ),
        Metric(
            "hidden_code",
            "growth of the cycle error by that noise; above 2, translations hide their source in it",
            hidden_code,
            lambda reference: 1.0,  # by definition
            warn=code_found,
            group="cycle",
            better="lower",
        ),
    )


def _standardized_edges(images: Tensor) -> Tensor:
    """Return the slopes of the luminance of images as rows (n, H · W) of mean 0 and norm 1."""
    down, right = torch.gradient(images[:, :3].double().mean(1), dim=(1, 2))
    rows = (down.square() + right.square()).sqrt().flatten(1)
    rows = rows - rows.mean(1, keepdim=True)
    return rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-6)


def _mean(values: Tensor | None) -> float | None:
    return None if values is None else values.mean().item() * LEVELS
