"""Collects the values that a model card shows, from the records of a run, its model and its data."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.data.datamodule import Data
from gan_lightning.metrics.evaluator import Evaluator

EVALUATION = "evaluation/"  # metrics of samples


@dataclass(frozen=True)
class Commands:
    """Command lines without overrides, for the working directory of the run."""

    train: str
    generate: str


@dataclass(frozen=True)
class Card:
    """Sources of a card's values.

    Attributes:
        run_dir: the folder of the run.
        manifest: content of its manifest.json.
        metrics: content of its metrics.json.
        model: the trained model.
        data: the data module, after ``setup``.
        commands: command lines of the commands that the card names.
    """

    run_dir: Path
    manifest: dict[str, Any]
    metrics: dict[str, Any]
    model: GenerativeModel
    data: Data
    commands: Commands

    @property
    def config(self) -> dict[str, Any]:
        return self.manifest["config"]

    @property
    def algorithm(self) -> str:
        return type(self.model).__name__

    @property
    def modality(self) -> str:
        return type(self.data.modality).__name__

    @property
    def trained_on(self) -> list[dict[str, Any]]:
        """Descriptions of the training data; several where they changed when the run was resumed."""
        described = [segment["data"] for segment in self.manifest["segments"] if "data" in segment]
        return list({str(one): one for one in described or [self.manifest["data"]]}.values())

    @property
    def evaluation(self) -> dict[str, Any]:
        """Record of the last evaluation, by :meth:`Evaluation.record`; empty without one."""
        return self.manifest.get("evaluation", {})

    @property
    def meanings(self) -> dict[str, str]:
        """Meaning of each metric that the evaluator knows, in its order."""
        evaluator = self.data.evaluator
        return {one.name: one.meaning for one in evaluator.metrics} if isinstance(evaluator, Evaluator) else {}

    @property
    def values(self) -> dict[str, float]:
        """Metrics of samples by name, in the evaluator's order."""
        found = {name.removeprefix(EVALUATION): v for name, v in self.metrics.items() if name.startswith(EVALUATION)}
        return {name: found[name] for name in dict.fromkeys([*self.meanings, *found]) if name in found}
