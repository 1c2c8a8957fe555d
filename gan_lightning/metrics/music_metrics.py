"""Metrics of music, and the view of samples that they are computed from."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from torch import Tensor

from gan_lightning.metrics.evaluator import Evaluator
from gan_lightning.metrics.metric import Metric
from gan_lightning.metrics.music_shapes import Heard, hash_rows, hear, statistics, windows
from gan_lightning.metrics.reference import Reference, View
from gan_lightning.metrics.table_shapes import ks_statistic
from gan_lightning.metrics.two_sample import two_sample_auc

if TYPE_CHECKING:
    from gan_lightning.metrics.music import MusicEvaluator

COPIED_BARS = 2
INVERSE_PENALTY = 0.003  # of the two-sample test: there are as many features as test examples

MEANINGS = {
    "hold": "share of the steps of voices that hold a note",
    "offbeat": "share of the notes that start between two quarters",
    "stepwise": "share of melodic intervals, other than repetitions, of at most 2 semitones",
    "pitch_classes": "number of different pitch classes in a sample",
    "in_key": "share of the time that is in the best of the 24 keys",
    "consonant": "share of pairs of simultaneous notes that are consonant",
    "triads": "share of steps whose notes belong to one triad",
    "crossing": "share of pairs of neighbouring voices that cross",
}
FAULTS = {  # what a sample with too little, and with too much, of each statistic is like
    "hold": ("notes are too short", "notes are too long"),
    "offbeat": ("the rhythm is too plain", "too many notes start off the beat"),
    "stepwise": ("melodies leap too often", "melodies leap too rarely"),
    "pitch_classes": ("too few different notes", "too many different notes"),
    "in_key": ("notes do not keep to a key", "notes keep to a key too strictly"),
    "consonant": ("chords are too dissonant", "chords are too consonant"),
    "triads": ("too few steps are triads", "too many steps are triads"),
    "crossing": ("voices cross too rarely", "voices cross too often"),
}


class MusicView(View):
    """View of music."""

    evaluator: "MusicEvaluator"
    content: Tensor

    @cached_property
    def heard(self) -> Heard:
        """The content as arrays."""
        return hear(self.evaluator.modality, self.content)

    @cached_property
    def statistics(self) -> dict[str, np.ndarray]:
        """The statistics (n,) of the samples by their names."""
        return statistics(self.heard)

    @cached_property
    def features(self) -> Tensor:
        """Features (n, d), see :mod:`gan_lightning.metrics.music_features`."""
        return torch.from_numpy(self.evaluator.transform(self.heard))


MusicReference: TypeAlias = Reference[MusicView]
Compute: TypeAlias = Callable[[MusicReference, MusicView], float | None]


def mean_of(name: str) -> Compute:
    """Return a metric: the mean of a statistic over the samples; None if the music has no such statistic."""

    def metric(reference: MusicReference, samples: MusicView) -> float | None:
        values = samples.statistics.get(name)
        return None if values is None or np.isnan(values).all() else float(np.nanmean(values))

    return metric


def distance_of(name: str) -> Compute:
    """Return a metric: the Kolmogorov–Smirnov distance of a statistic of the samples from that of real music."""

    def metric(reference: MusicReference, samples: MusicView) -> float | None:
        if name not in samples.statistics:
            return None
        return ks_statistic(reference.real.statistics[name], samples.statistics[name])

    return metric


def mean_distance(reference: MusicReference, samples: MusicView) -> float:
    return float(np.mean([distance_of(name)(reference, samples) for name in samples.statistics]))


def linear_auc(reference: MusicReference, samples: MusicView) -> float:
    return two_sample_auc(reference.real.features, samples.features, inverse_penalty=INVERSE_PENALTY)


def distinct(reference: MusicReference, samples: MusicView) -> float:
    return len(torch.unique(samples.content.flatten(1), dim=0)) / len(samples.content)


def training_windows(real: MusicView, reference: MusicReference) -> np.ndarray:
    assert isinstance(reference.training, Tensor)
    rows, _ = windows(hear(real.evaluator.modality, reference.training), COPIED_BARS)
    return np.unique(hash_rows(rows))


def copied(reference: MusicReference, samples: MusicView) -> float | None:
    """Return the share of windows of two bars that are in training music, in any key; None without such windows."""
    rows, _ = windows(samples.heard, COPIED_BARS)
    if not len(rows):
        return None
    return float(np.isin(hash_rows(rows), reference.real.compute_once(training_windows, reference)).mean())


def copied_by_real(reference: MusicReference) -> float | None:
    return copied(reference, reference.real) if reference.split == "test" else None


def soprano_kept(reference: MusicReference, samples: MusicView) -> float | None:
    """Return the share of samples whose first voice is the one they were asked for; None without conditions."""
    if reference.data.condition is None or samples.condition is None:
        return None
    wanted = reference.data.condition.decode(samples.condition)
    assert isinstance(wanted, Tensor)
    return (samples.content[:, :, :1] == wanted).flatten(1).all(1).double().mean().item()


def unlike_real(name: str) -> Callable[[float, float], str | None]:
    """Return a check of a statistic, which finds a fault if it is far from that of real music."""
    little, much = FAULTS[name]

    def warn(value: float, real: float) -> str | None:
        if abs(value - real) <= max(0.1 * real, 0.02):
            return None
        return f"music: {much if value > real else little}: {name} {value:.2g} (real {real:.2g}); train longer"

    return warn


def told_apart(value: float, real: float) -> str | None:
    apart = f"a classifier tells the samples from real music with AUC {value:.2g} (real {real:.2g})"
    return f"realism: {apart}; compare it with the baselines" if value > 0.15 + real else None


def copies_bars(value: float, real: float) -> str | None:
    bars = f"{value:.1%} of all {COPIED_BARS} bars are in the training music (real {real:.1%})"
    return f"copies: {bars}; take more data or train for less time" if value > 0.05 + 2 * real else None


def soprano_lost(value: float, real: float) -> str | None:
    return f"condition: {1 - value:.1%} of the samples change the given soprano" if value < 1 else None


HEADLINE = ("in_key", "triads")  # statistics that tables without room for all show

METRICS = (
    Metric(
        "two_sample_auc",
        "how well a classifier of chords, intervals and rhythms tells samples from real music; .5 at best",
        linear_auc,
        headline=True,
        warn=told_apart,
        better="lower",
    ),
    Metric(
        "statistics_distance",
        "Kolmogorov–Smirnov distance from real music, mean over the statistics below; 0 at best",
        mean_distance,
        quick=True,
        headline=True,
        better="lower",
    ),
    Metric(
        "soprano_kept",
        "share of samples whose soprano is exactly the given one",
        soprano_kept,
        headline=True,
        warn=soprano_lost,
        better="higher",
    ),
    *(
        one
        for name, meaning in MEANINGS.items()
        for one in (
            Metric(name, meaning, mean_of(name), headline=name in HEADLINE, warn=unlike_real(name), better="as real"),
            Metric(f"{name}_distance", f"distance of {name} from real music", distance_of(name), better="lower"),
        )
    ),
    Metric("distinct", "share of the samples that are distinct", distinct, better="higher"),
    *(metric for metric in Evaluator.metrics if metric.name != "two_sample_auc"),
    Metric(
        "copied_bars",
        f"share of windows of {COPIED_BARS} bars that are in the training music, in any key; real data: of test music",
        copied,
        baseline=copied_by_real,
        headline=True,
        warn=copies_bars,
        group="privacy",
        better="lower",
    ),
)
