"""Metrics of samples of any modality, which compare features of samples with those of real examples."""

import math
from typing import Any

from gan_lightning.metrics.metric import Metric
from gan_lightning.metrics.neighbours import Copies, Overlap, copies, duplicate_rate, nearest, overlap
from gan_lightning.metrics.reference import MAX_COMPARED_WITH_TRAINING, Reference, View, evenly_spaced
from gan_lightning.metrics.two_sample import two_sample_auc

MORE_VARIETY = "in training, try term=[mode_seeking] or, without classes, pack=2"


def overlap_with_real(samples: View, reference: Reference[Any]) -> Overlap:
    return overlap(reference.real.neighbourhoods, samples.neighbourhoods)


def copies_of_training(samples: View, reference: Reference[Any]) -> Copies:
    compared = evenly_spaced(samples.flat, MAX_COMPARED_WITH_TRAINING)
    return copies(nearest(compared, reference.flat_training).distances[:, 0], reference.unseen_distances)


def precision(reference: Reference[Any], samples: View) -> float:
    return samples.compute_once(overlap_with_real, reference).precision


def recall(reference: Reference[Any], samples: View) -> float:
    return samples.compute_once(overlap_with_real, reference).recall


def density(reference: Reference[Any], samples: View) -> float:
    return samples.compute_once(overlap_with_real, reference).density


def coverage(reference: Reference[Any], samples: View) -> float:
    return samples.compute_once(overlap_with_real, reference).coverage


def auc(reference: Reference[Any], samples: View) -> float:
    return two_sample_auc(reference.real.features, samples.features)


def duplicates(reference: Reference[Any], samples: View) -> float:
    return duplicate_rate(samples.neighbourhoods, reference.real.neighbourhoods)


def neighbour_ratio(reference: Reference[Any], samples: View) -> float | None:
    ratio = samples.compute_once(copies_of_training, reference).neighbour_ratio
    return ratio if math.isfinite(ratio) else None  # most unseen examples may equal a training example


def copy_rate(reference: Reference[Any], samples: View) -> float:
    return samples.compute_once(copies_of_training, reference).copy_rate


def low_precision(value: float, real: float) -> str | None:
    outside = f"{1 - value:.0%} of the samples lie outside the real data (real {1 - real:.0%})"
    return f"fidelity: {outside}; train longer" if value < 0.8 * real else None


def low_recall(value: float, real: float) -> str | None:
    return f"variety: recall {value:.2g} (real {real:.2g}); {MORE_VARIETY}" if value < 0.6 * real else None


def low_coverage(value: float, real: float) -> str | None:
    return f"variety: coverage {value:.2g} (real {real:.2g}); {MORE_VARIETY}" if value < 0.6 * real else None


def many_duplicates(value: float, real: float) -> str | None:
    repeats = f"{value:.0%} of the samples repeat another one (real {real:.0%})"
    return f"repeats: {repeats}; {MORE_VARIETY}" if value > 0.1 + real else None


def far_from_training(value: float, real: float) -> str | None:
    ratio = f"{value:.2g} times as far from training examples as unseen real ones, in raw values"
    return f"distance: {ratio}; do not trust metrics of features" if value > 1.25 * real else None


def many_copies(value: float, real: float) -> str | None:
    near = f"{value:.0%} of the samples are nearer to a training example than 99 % of unseen real ones"
    return f"copies: {near}; take more data or train for less time" if value > 0.1 else None


FEATURE_METRICS = (
    Metric(
        "precision",
        "share of samples that lie among real examples",
        precision,
        headline=True,
        warn=low_precision,
        better="higher",
    ),
    Metric(
        "recall",
        "share of real examples that lie among samples",
        recall,
        headline=True,
        warn=low_recall,
        better="higher",
    ),
    Metric("density", "how densely real examples surround samples; about 1 for real data", density, better="as real"),
    Metric(
        "coverage",
        "share of real examples with a sample nearby",
        coverage,
        quick=True,
        headline=True,
        warn=low_coverage,
        better="higher",
    ),
    Metric("two_sample_auc", "how well a classifier tells samples from real examples; .5 at best", auc, better="lower"),
    Metric(
        "duplicate_rate",
        "share of samples that repeat another sample",
        duplicates,
        quick=True,
        warn=many_duplicates,
        better="lower",
    ),
    Metric(
        "neighbour_ratio",
        "distance to the nearest training example, relative to unseen real ones",
        neighbour_ratio,
        baseline=lambda reference: 1.0,  # by definition
        warn=far_from_training,
        group="privacy",
        better="as real",
    ),
    Metric(
        "copy_rate",
        "share of samples nearer to a training example than 99 % of unseen real ones",
        copy_rate,
        baseline=lambda reference: 0.01,  # by definition
        warn=many_copies,
        group="privacy",
        better="lower",
    ),
)
