"""Evaluator of tables: how real the rows are, how useful, and what they reveal about the training rows."""

from collections.abc import Mapping

import numpy as np
import torch
from pydantic import PositiveInt
from torch import Tensor

from gan_lightning.data.canaries import Canaries
from gan_lightning.data.datamodule import Data
from gan_lightning.errors import listed
from gan_lightning.metrics.canary_metrics import (
    canaries_exact,
    canaries_near,
    controls_exact,
    controls_near,
    of_real_rows,
)
from gan_lightning.metrics.evaluator import Evaluator, Metric, Metrics, alternate_rows
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
    exact_repeats,
    odd_pairs,
    odd_shapes,
    repeated_canaries,
    told_apart,
)
from gan_lightning.metrics.table_metrics import (
    MAX_GUESSED,
    MAX_TOLD_APART,
    TableReference,
    TableView,
    attribute_advantage,
    attribute_margin,
    boosting_auc,
    boosting_margin,
    dcr_share,
    exact_copies,
    exact_copies_of_real,
    find_pair_errors,
    label_accuracy,
    linear_auc,
    membership_auc,
    membership_distance_auc,
    membership_margin,
    membership_tpr,
    nndr,
    of_fresh_rows,
    pair_error,
    shape_error,
    utility_auc,
    utility_macro_f1,
    utility_margin,
    utility_mean_f1,
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

    metrics = (
        Metric(
            "shape_error",
            "KS statistic of numbers and total variation of categories, mean over the columns; 0 at best",
            shape_error,
            quick=True,
            headline=True,
            warn=odd_shapes,
            better="lower",
        ),
        Metric(
            "pair_error",
            "error of correlations and contingency tables, mean over pairs of columns; 0 at best",
            pair_error,
            headline=True,
            warn=odd_pairs,
            better="lower",
        ),
        Metric(
            "utility_auc",
            "AUC on real rows of boosted trees trained on the samples; real data: trained on as many real rows",
            utility_auc,
            headline=True,
            group="utility",
            better="higher",
        ),
        Metric("utility_margin", "half the width of the 95 % interval of utility_auc", utility_margin, group="utility"),
        Metric(
            "utility_macro_f1",
            "macro F1 of the trees of utility_auc",
            utility_macro_f1,
            headline=True,
            group="utility",
            better="higher",
        ),
        Metric(
            "utility_mean_f1",
            "mean F1 on real rows of the four classifiers of CTGAN's benchmark, trained on at most 10,000 samples",
            utility_mean_f1,
            group="utility",
            better="higher",
        ),
        Metric(
            "label_accuracy",
            "share of samples that have the label they were generated for",
            label_accuracy,
            better="higher",
        ),
        Metric(
            "two_sample_auc",
            f"how well boosted trees tell at most {MAX_TOLD_APART:,} samples from as many real rows; .5 at best",
            boosting_auc,
            headline=True,
            warn=told_apart,
            better="lower",
        ),
        Metric("two_sample_margin", "half the width of the 95 % interval of two_sample_auc", boosting_margin),
        Metric(
            "linear_two_sample_auc",
            "two_sample_auc of logistic regression on features, a weaker test",
            linear_auc,
            better="lower",
        ),
        *(metric for metric in Evaluator.metrics if metric.name != "two_sample_auc"),
        Metric(
            "exact_copies",
            "share of samples that equal a training row in every column; real data: of test rows",
            exact_copies,
            baseline=exact_copies_of_real,
            warn=exact_repeats,
            group="privacy",
            better="lower",
        ),
        Metric(
            "dcr_share",
            "share of samples nearer to n training rows than to n test rows; .5 at best, which proves nothing",
            dcr_share,
            baseline=of_fresh_rows(dcr_share, 0.5),
            headline=True,
            group="privacy",
            better="lower",
        ),
        Metric(
            "nndr_5",
            "5 % quantile of the distance to the nearest training row over that to the second; real data: of test rows",
            nndr,
            baseline=lambda reference: nndr(reference, reference.real),
            group="privacy",
            better="higher",
        ),
        Metric(
            "membership_auc",
            "how well an attacker tells training rows from test rows, by density ratios (DOMIAS); .5 at best",
            membership_auc,
            baseline=of_fresh_rows(membership_auc, 0.5),
            headline=True,
            group="privacy",
            better="lower",
        ),
        Metric(
            "membership_margin",
            "half the width of the 95 % interval of membership_auc",
            membership_margin,
            baseline=of_fresh_rows(membership_margin, None),
            group="privacy",
        ),
        Metric(
            "membership_tpr",
            "share of training rows that the same attacker finds with 1 % false alarms; .01 at best",
            membership_tpr,
            baseline=of_fresh_rows(membership_tpr, 0.01),
            group="privacy",
            better="lower",
        ),
        Metric(
            "membership_distance_auc",
            "membership_auc of an attacker who only sees how near the nearest sample is",
            membership_distance_auc,
            baseline=of_fresh_rows(membership_distance_auc, 0.5),
            group="privacy",
            better="lower",
        ),
        Metric(
            "attribute_advantage",
            "how much more often the nearest sample reveals the sensitive value of training rows than of test rows, "
            f"of at most {MAX_GUESSED:,} each; 0 at best",
            attribute_advantage,
            baseline=of_fresh_rows(attribute_advantage, 0.0),
            group="privacy",
            better="lower",
        ),
        Metric(
            "attribute_margin",
            "half the width of the 95 % interval of attribute_advantage",
            attribute_margin,
            baseline=of_fresh_rows(attribute_margin, None),
            group="privacy",
        ),
        Metric(
            "canaries_exact",
            "number of planted canaries that a sample equals; real data: that a real row equals",
            canaries_exact,
            baseline=of_real_rows(canaries_exact),
            group="privacy",
            better="lower",
        ),
        Metric(
            "controls_exact",
            "the same number of canaries that were not planted: what chance gives",
            controls_exact,
            baseline=of_real_rows(controls_exact),
            group="privacy",
        ),
        Metric(
            "canaries_near",
            "number of planted canaries with a sample nearer than half the distance to the nearest other row",
            canaries_near,
            baseline=of_real_rows(canaries_near),
            group="privacy",
            better="lower",
        ),
        Metric(
            "controls_near",
            "the same number of canaries that were not planted: what chance gives",
            controls_near,
            baseline=of_real_rows(controls_near),
            group="privacy",
        ),
    )

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
