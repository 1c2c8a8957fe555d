"""Measures samples of any modality by metrics that compare them with real examples."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from pydantic import PositiveInt
from torch import Tensor
from tqdm import tqdm

from gan_lightning.data.datamodule import Data
from gan_lightning.errors import UserError
from gan_lightning.metrics.neighbours import Copies, Overlap, copies, duplicate_rate, nearest, overlap
from gan_lightning.metrics.reference import COMPARED_WITH_TRAINING, NotEvaluated, Reference, Split, View, spread
from gan_lightning.metrics.two_sample import two_sample_auc
from gan_lightning.modalities.samples import Content, Sample, each, leaves, size, take
from gan_lightning.tables import markdown

Metrics = dict[str, float]
SIDE = 8  # samples in a row and in a column of a sheet


class Metric(NamedTuple):
    """One number about a set of samples.

    Attributes:
        name: of its key, ``evaluation/<name>``.
        meaning: what it is, for the table.
        compute: (reference, samples) to the value; None where the data do not have what it needs.
        baseline: reference to the value of perfect samples; None for ``compute`` of other real examples.
        quick: whether it is cheap, and logged in training for the alarm.
        headline: whether it stands in tables that have no room for all.
        warn: (value, baseline) to what is wrong in words, or None.
    """

    name: str
    meaning: str
    compute: Callable[[Reference[Any], Any], float | None]
    baseline: Callable[[Reference[Any]], float | None] | None = None
    quick: bool = False
    headline: bool = False
    warn: Callable[[float, float], str | None] | None = None


def samples_overlap(samples: View, reference: Reference[Any]) -> Overlap:
    return overlap(reference.real.neighbourhoods, samples.neighbourhoods)


def samples_copied(samples: View, reference: Reference[Any]) -> Copies:
    to_training = nearest(spread(samples.flat, COMPARED_WITH_TRAINING), reference.flat_training).distances[:, 0]
    return copies(to_training, reference.unseen_distances)


def precision(reference: Reference[Any], samples: View) -> float:
    return samples.once(samples_overlap, reference).precision


def recall(reference: Reference[Any], samples: View) -> float:
    return samples.once(samples_overlap, reference).recall


def density(reference: Reference[Any], samples: View) -> float:
    return samples.once(samples_overlap, reference).density


def coverage(reference: Reference[Any], samples: View) -> float:
    return samples.once(samples_overlap, reference).coverage


def auc(reference: Reference[Any], samples: View) -> float:
    return two_sample_auc(reference.real.features, samples.features)


def duplicates(reference: Reference[Any], samples: View) -> float:
    return duplicate_rate(samples.neighbourhoods, reference.real.neighbourhoods)


def neighbour_ratio(reference: Reference[Any], samples: View) -> float:
    return samples.once(samples_copied, reference).neighbour_ratio


def copy_rate(reference: Reference[Any], samples: View) -> float:
    return samples.once(samples_copied, reference).copy_rate


def low_precision(value: float, real: float) -> str | None:
    found = f"fidelity: {1 - value:.0%} of the samples are not like real ones (real {1 - real:.0%})"
    return found if value < 0.8 * real else None


def low_recall(value: float, real: float) -> str | None:
    return f"variety: recall {value:.2g} (real {real:.2g})" if value < 0.6 * real else None


def low_coverage(value: float, real: float) -> str | None:
    return f"variety: coverage {value:.2g} (real {real:.2g})" if value < 0.6 * real else None


def many_duplicates(value: float, real: float) -> str | None:
    return f"repeats: {value:.0%} of the samples repeat another one" if value > 0.1 + real else None


def far_from_training(value: float, real: float) -> str | None:
    found = f"distance: {value:.2g} times as far from training examples as real ones are, whatever the features say"
    return found if value > 1.25 * real else None


def many_copies(value: float, real: float) -> str | None:
    return f"copies: {value:.0%} are copies of training examples, or nearly" if value > 0.1 else None


class Evaluator(ABC):
    """Measures samples of one modality by comparing them with real examples.

    A subclass makes features of content, and adds metrics to those that every modality has:
    ``metrics = (*Evaluator.metrics, Metric(…))``. A new metric is a function, a line there, a test. Constructors are
    light: a command that measures nothing makes evaluators too. Files are read in ``prepare`` or later.

    Args:
        n: how many samples are measured, where nobody says another number.
    """

    metrics: ClassVar[Sequence[Metric]] = (
        Metric(
            "precision", "share of the samples that lie among real ones", precision, headline=True, warn=low_precision
        ),
        Metric("recall", "share of the real ones that lie among samples", recall, headline=True, warn=low_recall),
        Metric("density", "how deep samples lie among real ones; about 1", density),
        Metric(
            "coverage",
            "share of the real ones that have a sample near",
            coverage,
            quick=True,
            headline=True,
            warn=low_coverage,
        ),
        Metric("two_sample_auc", "how well a classifier tells samples from real ones; .5 at best", auc),
        Metric("duplicate_rate", "share that repeats another sample", duplicates, quick=True, warn=many_duplicates),
        Metric(
            "neighbour_ratio",
            "distance to the nearest training example, by an unseen one's",
            neighbour_ratio,
            baseline=lambda reference: 1.0,  # by its definition
            warn=far_from_training,
        ),
        Metric(
            "copy_rate",
            "share nearer to a training example than 99 % of unseen ones",
            copy_rate,
            baseline=lambda reference: 0.01,  # by its definition
            warn=many_copies,
        ),
    )

    reference: Reference[Any]

    def __init__(self, n: PositiveInt = 10_000) -> None:
        self.n = n

    @abstractmethod
    def features(self, content: Content) -> Tensor:
        """Return features (n, d), in which distances mean something."""

    def flat(self, content: Content) -> Tensor:
        """Return content as rows of numbers (n, d), in which copies of training examples are looked for.

        Between numbers that are names, as token ids are, distances mean nothing: return one-hot rows of these.
        """
        rows = [one.reshape(len(one), -1) for one in leaves(content)]
        return rows[0] if len(rows) == 1 else torch.cat([one.float() for one in rows], 1)

    def view(self, content: Content, condition: Sample | None = None) -> View:
        """Return what metrics see of samples."""
        return View(self, content, condition)

    def prepare(self, data: Data, n: int | None = None, split: Split = "test", seed: int = 0) -> None:
        """Choose the real examples that samples will be compared with.

        Args:
            data: after ``setup("test")``.
            n: how many samples will be measured; None for the evaluator's own number.
            split: see :class:`Reference`.
            seed: of which real examples.

        Raises:
            NotEvaluated: if the data have too few examples, or are none that the evaluator can measure.
        """
        self.reference = Reference(self, data, n or self.n, split, seed)
        self._baseline: Metrics | None = None

    def __call__(self, content: Content, condition: Sample | None = None, *, quick: bool = False) -> Metrics:
        """Return the metrics of n samples.

        Args:
            content: the samples, ``reference.n`` of them.
            condition: that they were made for.
            quick: only those that are cheap.

        Raises:
            UserError: if a metric cannot be computed.
        """
        samples = self.view(content, condition)
        chosen = [metric for metric in self.metrics if metric.quick or not quick]
        bar = tqdm(chosen, "evaluating", leave=False, disable=True if quick else None)
        return _known({metric.name: self._value(metric, metric.compute, samples) for metric in bar})

    def real_baseline(self) -> Metrics:
        """Return the metrics of other real examples: what perfect samples would have."""
        if self._baseline is None:
            bar = tqdm(self.metrics, "evaluating real examples", leave=False, disable=None)
            self._baseline = _known(
                {
                    metric.name: self._value(metric, metric.compute, self.reference.other)
                    if metric.baseline is None
                    else self._value(metric, metric.baseline)
                    for metric in bar
                }
            )
        return self._baseline

    def _value(self, metric: Metric, compute: Callable[..., float | None], *samples: View) -> float | None:
        try:
            value = compute(self.reference, *samples)
        except UserError:
            raise
        except Exception as error:  # an evaluator of one's own may raise anything
            reason = " ".join(str(error).split())
            raise UserError(f"metric {metric.name}: {type(error).__name__} {reason}") from error
        return None if value is None else float(value)

    def findings(self, metrics: Metrics) -> list[str]:
        """Return what is wrong with samples in words; nothing for samples like real ones."""
        real = self.real_baseline()
        found = (
            metric.warn(metrics[metric.name], real[metric.name])
            for metric in self.metrics
            if metric.warn is not None and metric.name in metrics and metric.name in real
        )
        return [one for one in found if one is not None]

    def collapsed(self, metrics: Metrics) -> list[str]:
        """Return why a run looks lost, by the quick metrics of its samples; nothing while it may go on.

        The limits are far from what healthy runs have.
        """
        found = []
        if metrics.get("duplicate_rate", 0) > 0.5:
            found.append(f"{metrics['duplicate_rate']:.0%} of the samples repeat another one")
        if metrics.get("coverage", 1) < 0.02:
            found.append(f"coverage {metrics['coverage']:.2g}")
        return found

    def pictures(self, content: Content, condition: Sample | None = None) -> dict[str, np.ndarray]:
        """Return images (H, W, 3) uint8 that show samples, by name."""
        modality = self.reference.data.modality
        return {
            "samples": modality.sheet(take(content, slice(SIDE * SIDE)), SIDE),
            "nearest_training": modality.sheet(*self._above_nearest(content)),
        }

    def _above_nearest(self, content: Content) -> tuple[Content, int]:
        """Return rows of samples, below each row their nearest training examples, and how many are in a row."""
        columns = min(SIDE, size(content))
        chosen = take(content, slice(min(SIDE * SIDE // 2, size(content) // columns * columns)))
        index = nearest(self.flat(chosen), self.reference.flat_training).indices[:, 0]

        def rows(samples: Tensor, found: Tensor) -> Tensor:
            pairs = zip(samples.split(columns), found.split(columns), strict=True)
            return torch.cat([row for pair in pairs for row in pair])

        return each(rows, chosen, take(self.reference.training, index)), columns

    def table(self, columns: Mapping[str, Mapping[str, Any]]) -> str:
        """Return a table with a row a metric: its value in each column, of real examples, and what it is."""
        real = self.real_baseline()
        rows = [
            {"metric": metric.name}
            | {name: values.get(metric.name, "") for name, values in columns.items()}
            | {"real data": real.get(metric.name, ""), "what it is": metric.meaning}
            for metric in self.metrics
            if any(metric.name in values for values in columns.values())
        ]
        return markdown(["metric", *columns, "real data", "what it is"], rows)

    @classmethod
    def headline(cls) -> list[str]:
        """Return the names of the metrics that stand in tables without room for all."""
        return [metric.name for metric in cls.metrics if metric.headline]

    def describe(self) -> dict[str, str]:
        """Return, for the record, what the features are: ``name`` and whatever else a reader should know."""
        return {"name": type(self).__name__}


def _known(values: Mapping[str, float | None]) -> Metrics:
    return {name: value for name, value in values.items() if value is not None}


def evaluator_of(data: Data) -> Evaluator:
    """Return the evaluator of the data; raise NotEvaluated where they have none."""
    if data.evaluator is None:
        raise NotEvaluated("data.evaluator=null: it must be a node that makes an Evaluator")
    if not isinstance(data.evaluator, Evaluator):
        raise NotEvaluated(f"data.evaluator: makes a {type(data.evaluator).__name__}: it must be an Evaluator")
    return data.evaluator
