"""The base class of evaluators, which compare samples of any modality with real examples."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import PositiveInt
from torch import Tensor
from tqdm import tqdm

from gan_lightning.algorithms.model import MAX_FORWARD, GenerativeModel, Weights
from gan_lightning.data.datamodule import Data
from gan_lightning.errors import UserError
from gan_lightning.metrics.feature_metrics import FEATURE_METRICS
from gan_lightning.metrics.metric import Metric, Metrics
from gan_lightning.metrics.neighbours import nearest
from gan_lightning.metrics.reference import NotEvaluated, Reference, Split, View
from gan_lightning.modalities.samples import Content, Sample, cat, each, leaves, size, take
from gan_lightning.tables import markdown

SHEET_SIDE = 8  # number of rows and columns of a sheet


class Evaluator(ABC):
    """Base class of evaluators, which compare samples of one modality with real examples.

    A subclass computes features of content, and may add metrics to those of every modality:
    ``metrics = (*Evaluator.metrics, Metric(…))``. A new metric is a function, an entry in ``metrics`` and a test.
    Constructors must be cheap, because commands build an evaluator even if they evaluate nothing: read files in
    ``prepare`` or later.

    Args:
        n: default number of samples to evaluate.
    """

    metrics: Sequence[Metric] = FEATURE_METRICS

    captions: Mapping[str, str] = {
        "samples": "The first samples.",
        "nearest_training": "Rows of samples, each above a row of the training examples that are nearest to them.",
    }
    """Descriptions of the images of ``pictures`` and of the generators of ``baselines``, by name."""

    random: bool = True
    """False if the same conditions are evaluated with each seed, so that a model without latents needs only one."""

    at_once: int = MAX_FORWARD
    """Number of samples that are generated and decoded together."""

    reference: Reference[Any]

    def __init__(self, n: PositiveInt = 10_000) -> None:
        self.n = n

    @abstractmethod
    def features(self, content: Content) -> Tensor:
        """Return features (n, d) of floating point, whose distances measure how different samples are."""

    def flat(self, content: Content) -> Tensor:
        """Return content as rows of numbers (n, d), whose distances reveal copies of training examples.

        Override this for numbers whose distances mean nothing, such as token ids, and return one-hot rows.
        """
        rows = [one.reshape(len(one), -1) for one in leaves(content)]
        return rows[0] if len(rows) == 1 else torch.cat([one.float() for one in rows], 1)

    def view(self, content: Content, condition: Sample | None = None) -> View:
        """Return the view of samples that metrics are computed from."""
        return View(self, content, condition)

    def prepare(self, data: Data, n: int | None = None, split: Split = "test", seed: int = 0) -> None:
        """Choose the real examples that samples will be compared with.

        Args:
            data: the data, after ``setup("test")``.
            n: number of samples to evaluate; None for the evaluator's default.
            split: see :class:`Reference`.
            seed: seed of the choice of real examples.

        Raises:
            NotEvaluated: if the data have too few examples, or a modality that the evaluator does not support.
        """
        self.reference = Reference(self, data, n or self.n, split, seed)
        self._baseline: Metrics | None = None
        self._baselines: dict[str, Metrics] | None = None

    @property
    def n_generated(self) -> int:
        """Number of samples to generate: as many as are compared with real ones, or more if a metric needs them."""
        return self.reference.n

    def generate(
        self,
        model: GenerativeModel,
        data: Data,
        n: int,
        seed: int,
        weights: Weights | None = None,
        quick: bool = False,
    ) -> tuple[Content, Sample | None]:
        """Return n samples of a model as content, and their conditions; None for an unconditional model.

        Args:
            model: the model to evaluate.
            data: the data module of the model.
            n: number of samples.
            seed: seed of the latents and of random conditions.
            weights: the generator's weights, as for ``model.sample``.
            quick: True if only the cheap metrics will be computed; nothing else need be prepared for them.
        """
        condition = data.sample_conditions(n, seed)
        parts = model.sample_parts(n, condition, seed=seed, weights=weights, most=self.at_once)
        return cat([data.modality.decode(part) for part in parts]), condition

    def __call__(self, content: Content, condition: Sample | None = None, *, quick: bool = False) -> Metrics:
        """Return the metrics of samples by name.

        Args:
            content: ``n_generated`` samples.
            condition: the conditions that they were generated for.
            quick: True for the cheap metrics only.

        Raises:
            UserError: if a metric cannot be computed.
        """
        samples = self.view(content, condition)
        chosen = [metric for metric in self.metrics if metric.quick or not quick]
        bar = tqdm(chosen, "evaluating", leave=False, disable=True if quick else None)
        return _drop_missing({metric.name: self._compute(metric, metric.compute, samples) for metric in bar})

    def real_baseline(self) -> Metrics:
        """Return the metrics that perfect samples would have: those of other real examples."""
        if self._baseline is None:
            bar = tqdm(self.metrics, "evaluating real examples", leave=False, disable=None)
            self._baseline = _drop_missing(
                {
                    metric.name: self._compute(metric, metric.compute, self.reference.other)
                    if metric.baseline is None
                    else self._compute(metric, metric.baseline)
                    for metric in bar
                }
            )
        return self._baseline

    def baselines(self) -> dict[str, Content]:
        """Return ``n_generated`` samples of each simple generator to compare with, by its name; none by default."""
        return {}

    def baseline_metrics(self) -> dict[str, Metrics]:
        """Return the metrics of the simple generators by their names."""
        if self._baselines is None:
            self._baselines = {name: self(content) for name, content in self.baselines().items()}
        return self._baselines

    def _compute(self, metric: Metric, function: Callable[..., float | None], *samples: View) -> float | None:
        try:
            value = function(self.reference, *samples)
        except UserError:
            raise
        except Exception as error:  # a user's metric may raise anything
            reason = " ".join(str(error).split())
            raise UserError(f"metric {metric.name}: {type(error).__name__} {reason}") from error
        return None if value is None else float(value)

    def findings(self, metrics: Metrics) -> list[str]:
        """Return a message for each fault of the samples; an empty list if they are like real ones."""
        real = self.real_baseline()
        found = (
            metric.warn(metrics[metric.name], real[metric.name])
            for metric in self.checked(metrics)
            if metric.warn is not None
        )
        return [one for one in found if one is not None]

    def checked(self, metrics: Metrics) -> list[Metric]:
        """Return the metrics that :meth:`findings` checks."""
        real = self.real_baseline()
        return [one for one in self.metrics if one.warn is not None and one.name in metrics and one.name in real]

    def remarks(self, metrics: Metrics) -> dict[str, list[str]]:
        """Return sentences that say what metrics mean, by the group of the metrics, for a report; none by default."""
        return {}

    def collapsed(self, metrics: Metrics) -> list[str]:
        """Return the signs of a collapse in the quick metrics of a run's samples; an empty list if there are none.

        The limits are far from the values of healthy runs.
        """
        signs = []
        if metrics.get("duplicate_rate", 0) > 0.5:
            signs.append(f"{metrics['duplicate_rate']:.0%} of the samples repeat another one")
        if metrics.get("coverage", 1) < 0.02:
            signs.append(f"coverage {metrics['coverage']:.2g}, below .02")
        return signs

    def pictures(self, content: Content, condition: Sample | None = None) -> dict[str, np.ndarray]:
        """Return sheets and plots of samples by name, as images (H, W, 3) uint8."""
        modality = self.reference.data.modality
        return {
            "samples": modality.sheet(take(content, slice(SHEET_SIDE**2)), SHEET_SIDE),
            "nearest_training": modality.sheet(*self._with_nearest_training(content)),
        }

    def _with_nearest_training(self, content: Content) -> tuple[Content, int]:
        """Return rows of samples, each followed by a row of their nearest training examples, and the row length."""
        chosen, columns = whole_rows(content)
        index = nearest(self.flat(chosen), self.reference.flat_training).indices[:, 0]
        return alternate_rows(chosen, take(self.reference.training, index), columns), columns

    def table(self, columns: Mapping[str, Mapping[str, Any]]) -> str:
        """Return a Markdown table with a row for each metric: its values, the value of real data, and its meaning.

        There is no column of real data if no metric has a value for them.

        Args:
            columns: values of metrics by name, for each column by its title.
        """
        real = self.real_baseline()
        rows = [
            {"metric": metric.name}
            | {name: values.get(metric.name, "") for name, values in columns.items()}
            | {"real data": real.get(metric.name, ""), "meaning": metric.meaning}
            for metric in self.metrics
            if any(metric.name in values for values in columns.values())
        ]
        return markdown(["metric", *columns, *(["real data"] if real else []), "meaning"], rows)

    def train_extractor(self, data: Data, path: Path, epochs: int, seed: int, name: str | None = None) -> str:
        """Train the extractor that evaluates samples of the data, and write it to a file.

        Args:
            data: the data, after ``setup("test")``.
            path: the .safetensors file to write.
            epochs: number of epochs.
            seed: seed of all that is drawn at random.
            name: name of the extractor in results; None to derive it from the data.

        Returns:
            A phrase that says how accurate the extractor is.

        Raises:
            UserError: if the evaluator has no extractor to train, or the data do not suit it.
        """
        raise UserError(f"data.evaluator: {type(self).__name__} has no extractor to train")

    def headline(self) -> list[str]:
        """Return the names of the metrics that are shown in tables without room for all."""
        return [metric.name for metric in self.metrics if metric.headline]

    def describe(self) -> dict[str, str]:
        """Return facts about the features for ``metrics.json``: their ``name``, and others that identify them."""
        return {"name": type(self).__name__}


def whole_rows(content: Content) -> tuple[Content, int]:
    """Return the first samples, in whole rows for the half of a sheet, and the length of a row."""
    columns = min(SHEET_SIDE, size(content))
    return take(content, slice(min(SHEET_SIDE**2 // 2, size(content) // columns * columns))), columns


def alternate_rows(samples: Content, others: Content, columns: int) -> Content:
    """Return rows of samples, each followed by a row of the others."""

    def alternate(a: Tensor, b: Tensor) -> Tensor:
        return torch.cat([row for pair in zip(a.split(columns), b.split(columns), strict=True) for row in pair])

    return each(alternate, samples, others)


def _drop_missing(values: Mapping[str, float | None]) -> Metrics:
    return {name: value for name, value in values.items() if value is not None}


def evaluator_of(data: Data) -> Evaluator:
    """Return the evaluator of the data; raise NotEvaluated if there is none."""
    if data.evaluator is None:
        raise NotEvaluated("data.evaluator=null: set a node that makes an Evaluator")
    if not isinstance(data.evaluator, Evaluator):
        raise NotEvaluated(f"data.evaluator: makes a {type(data.evaluator).__name__}: it must be an Evaluator")
    return data.evaluator
