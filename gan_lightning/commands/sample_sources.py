"""Sources of the samples that are evaluated: checkpoints, or files."""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gan_lightning.algorithms.model import Weights
from gan_lightning.config.settings import EvaluateSettings
from gan_lightning.metrics.evaluator import Evaluator
from gan_lightning.metrics.metric import Metrics
from gan_lightning.modalities.samples import Content, Sample, size, take
from gan_lightning.runs.checkpoints import Trained

Values = dict[str, list[float]]  # values of each metric, one for each seed


@dataclass
class Source(ABC):
    """Source of samples to evaluate.

    Attributes:
        name: the name in tables.
        folder: the folder to write the metrics to.
        facts: entries of metrics.json that describe the source.
        weights: the generators to evaluate, by their weights.
        seeds: the seeds to generate samples with.
    """

    name: str
    folder: Path
    facts: dict[str, Any]
    weights: Sequence[Weights]
    seeds: Sequence[int]

    @abstractmethod
    def content(self, evaluator: Evaluator, n: int, seed: int, weights: Weights) -> tuple[Content, Sample | None]:
        """Return n samples as content, and their conditions; None for samples without conditions."""

    def evaluate(self, evaluator: Evaluator) -> dict[str, Values]:
        """Return the values of each metric over the seeds, by the weights of the generator."""
        n = evaluator.n_generated
        return {
            weights: _group_by_metric([evaluator(*self.content(evaluator, n, seed, weights)) for seed in self.seeds])
            for weights in self.weights
        }


@dataclass
class CheckpointSource(Source):
    """Samples of a trained model."""

    trained: Trained

    def content(self, evaluator: Evaluator, n: int, seed: int, weights: Weights) -> tuple[Content, Sample | None]:
        return evaluator.generate(self.trained.model, self.trained.data, n, seed, weights)


@dataclass
class FileSource(Source):
    """Samples from files."""

    samples: Content

    def content(self, evaluator: Evaluator, n: int, seed: int, weights: Weights) -> tuple[Content, Sample | None]:
        """Return n samples at equal distances in the set, because files may be sorted by class."""
        return take(self.samples, torch.linspace(0, size(self.samples) - 1, n).long()), None


def file_source(settings: EvaluateSettings, samples: Content) -> Source:
    """Return the source of the samples in files, which ``samples`` names."""
    path = Path(str(settings.samples))
    folder = Path(settings.output) if settings.output else path.parent / "evaluation" / path.stem
    return FileSource(str(path), folder, {"samples": str(path)}, ["raw"], [0], samples)


def checkpoint_sources(settings: EvaluateSettings, trained: list[Trained], evaluator: Evaluator) -> list[Source]:
    """Return a source for each checkpoint, with names that differ; with one seed if all would give the same samples."""
    common = Path(os.path.commonpath([one.run_dir.absolute().parent for one in trained]))
    sources: list[Source] = []
    for one in trained:
        name = str(one.run_dir.absolute().relative_to(common) / one.path.stem)
        folder = one.run_dir / "evaluation" / one.path.stem
        if settings.output is not None:
            folder = Path(settings.output, name) if len(trained) > 1 else Path(settings.output)
        seeds = list(settings.seeds) if evaluator.random or one.model.prior is not None else settings.seeds[:1]
        facts = {
            "checkpoint": str(one.path),
            "sha256": one.digest,
            "iteration": one.model.iteration,
            "seeds": seeds,
            "privacy": None if one.model.privacy is None else one.model.privacy.record(),
        }
        sources.append(CheckpointSource(name, folder, facts, one.model.weights, seeds, one))
    return sources


def _group_by_metric(metrics: Sequence[Metrics]) -> Values:
    return {name: [one[name] for one in metrics] for name in metrics[0]}
