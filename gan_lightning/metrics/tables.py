"""Evaluator of tables: how real the rows are, how useful, and what they reveal about the training rows."""

from collections.abc import Mapping

import numpy as np
import torch
from pydantic import PositiveInt
from torch import Tensor

from gan_lightning.data.canaries import Canaries
from gan_lightning.data.datamodule import Data
from gan_lightning.errors import listed
from gan_lightning.metrics.evaluator import Evaluator, alternate_rows
from gan_lightning.metrics.metric import Metric, Metrics
from gan_lightning.metrics.neighbours import nearest
from gan_lightning.metrics.privacy import RowDistance
from gan_lightning.metrics.reference import NotEvaluated, Split, evenly_spaced
from gan_lightning.metrics.table_baselines import counted_rows, independent_columns, noisy_copies
from gan_lightning.metrics.table_encoding import fit_encoding
from gan_lightning.metrics.table_findings import (
    CHECKED_BEYOND_CHANCE,
    beyond_chance,
    describe_attacks,
    describe_canaries,
    repeated_canaries,
)
from gan_lightning.metrics.table_metric_list import METRICS
from gan_lightning.metrics.table_metrics import (
    TableReference,
    TableView,
    find_pair_errors,
)
from gan_lightning.metrics.table_plots import plot_marginals, plot_pair_errors
from gan_lightning.metrics.table_shapes import column_errors
from gan_lightning.modalities.columns import Column
from gan_lightning.modalities.samples import Content, Sample, take
from gan_lightning.modalities.table import Table
from gan_lightning.networks.table_counts import Structure

COUNTED: dict[str, Structure] = {"naive Bayes": "label", "tree": "tree", "TAN": "tan"}  # baselines, by their names
SHOWN = 16  # rows in the sheet of nearest training rows


class TableEvaluator(Evaluator):
    """Evaluator of tables.

    Features are standardized numbers and one-hot vectors of categories. Privacy is measured only if the data have a
    test split: its rows are the holdout, and as many training rows, chosen at random, are the members.

    Canaries among the training rows count in the metrics of canaries alone; all others leave them out. The simple
    generators are trained with them, as the model is.

    Args:
        n: default number of samples to evaluate. At most as many as there are test rows are compared with these;
            classifiers are trained on all of them, at most as many as there are training rows.
        sensitive: name of the column that an attacker guesses from the others; None for the target of the data, or the
            last column if there is none.
    """

    metrics = METRICS

    captions: Mapping[str, str] = {
        "samples": "The first samples.",
        "nearest_training": "Samples, each above the training row that is nearest to it.",
        "marginals": "Distribution of each column among the samples, and among real rows.",
        "pair_errors": "Error of each pair of columns: correlations of numbers, contingency tables of categories.",
        "noisy copies": "training rows of which some cells are replaced: useful, and not private",
        "independent columns": "each cell from a training row that is drawn for it alone",
        "naive Bayes": "counted from the training rows: each column depends on the target",
        "tree": "counted from the training rows: each column depends on one other column",
        "TAN": "counted from the training rows: each column depends on the target and one other column",
    }

    reference: TableReference
    columns: list[Column]
    target: int | None
    sensitive: int
    canaries: Canaries | None

    def __init__(self, n: PositiveInt = 10_000, sensitive: str | None = None) -> None:
        super().__init__(n)
        self.given_sensitive = sensitive

    def prepare(self, data: Data, n: int | None = None, split: Split = "test", seed: int = 0) -> None:
        modality = data.modality
        if not isinstance(modality, Table):
            raise NotEvaluated(
                f"data.evaluator: {type(self).__name__} evaluates tables, and the data are {type(modality).__name__}: "
                "choose another evaluator"
            )
        self.columns = modality.columns
        self.categorical = np.array([column.is_category for column in self.columns])
        self.target = getattr(data, "target", None)
        self.sensitive = self._find_sensitive()
        self.canaries = getattr(data, "canaries", None)
        training = data.reference_examples.content
        assert isinstance(training, Tensor)
        self.encoding = fit_encoding(training.numpy(), self.categorical)
        self.distance = RowDistance(training, self.categorical)
        self._compared: int | None = None  # while views of all real rows are constructed
        super().prepare(data, n, split, seed)
        self._compared = self.reference.n
        self._n_generated = self._compared
        if self.reference.split == "test":
            self._n_generated = min(n or self.n, len(training))
            self.reference.other.for_training = evenly_spaced(training, self._n_generated)

    @property
    def n_generated(self) -> int:
        """Number of samples to generate: classifiers are trained on all of them, at most as many as training rows."""
        return self._n_generated

    def _find_sensitive(self) -> int:
        names = [column.name for column in self.columns]
        if self.given_sensitive is None:
            return len(names) - 1 if self.target is None else self.target
        if self.given_sensitive not in names:
            raise NotEvaluated(
                f"data.evaluator.sensitive={self.given_sensitive}: there is no such column: {listed(names)}"
            )
        return names.index(self.given_sensitive)

    def features(self, content: Content) -> Tensor:
        assert isinstance(content, Tensor)
        return torch.from_numpy(self.encoding(content.numpy()))

    def flat(self, content: Content) -> Tensor:
        return self.features(content)

    def view(self, content: Content, condition: Sample | None = None) -> TableView:
        assert isinstance(content, Tensor)
        part = slice(self._compared)
        return TableView(self, content[part], None if condition is None else take(condition, part), content)

    def baselines(self) -> dict[str, Content]:
        """Return noisy copies of training rows, rows with independent columns, and rows of generators that count."""
        data, n = self.reference.data, self.n_generated
        training, modality = data.examples.content, data.modality
        assert isinstance(training, Tensor)
        assert isinstance(modality, Table)
        counted = COUNTED if self.target is not None else {"tree": COUNTED["tree"]}
        return {
            "noisy copies": noisy_copies(training, n),
            "independent columns": independent_columns(training, n),
            **{name: counted_rows(modality, training, self.target, one, n) for name, one in counted.items()},
        }

    def findings(self, metrics: Metrics) -> list[str]:
        found = super().findings(metrics) + beyond_chance(metrics, self.real_baseline())
        return found if self.canaries is None else found + repeated_canaries(metrics, len(self.canaries.planted))

    def checked(self, metrics: Metrics) -> list[Metric]:
        return super().checked(metrics) + [
            metric for metric in self.metrics if metric.name in CHECKED_BEYOND_CHANCE and metric.name in metrics
        ]

    def remarks(self, metrics: Metrics) -> dict[str, list[str]]:
        sensitive = self.columns[self.sensitive].name
        sentences = describe_attacks(metrics, self.real_baseline(), sensitive)
        if self.canaries is not None:
            sentences.append(describe_canaries(metrics, len(self.canaries.planted)))
        return {"privacy": sentences}

    def pictures(self, content: Content, condition: Sample | None = None) -> dict[str, np.ndarray]:
        samples, real, sheet = self.view(content, condition), self.reference.real, self.reference.data.modality.sheet
        errors = column_errors(real.rows, samples.rows, self.categorical)
        shown = samples.content[:SHOWN]
        assert isinstance(self.reference.training, Tensor)
        copied = self.reference.training[nearest(self.flat(shown), self.reference.flat_training).indices[:, 0]]
        return {
            "samples": sheet(content),
            "nearest_training": sheet(alternate_rows(shown, copied, 1)),
            "marginals": plot_marginals(self.columns, real.rows, samples.rows, errors),
            "pair_errors": plot_pair_errors(
                [column.name for column in self.columns], samples.compute_once(find_pair_errors, self.reference)
            ),
        }

    def describe(self) -> dict[str, str]:
        return super().describe() | {"sensitive": self.columns[self.sensitive].name}
