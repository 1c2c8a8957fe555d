"""Metrics of tables, and the view of samples that they are computed from."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from torch import Tensor

from gan_lightning.metrics.privacy import (
    Advantage,
    Membership,
    NearestRows,
    Nearness,
    attribute_attack,
    closer_to_members,
    density_attack,
    distance_attack,
    nearest_ratio,
    nearest_rows,
    reference_distances,
)
from gan_lightning.metrics.reference import Reference, View
from gan_lightning.metrics.roc import Auc, auc
from gan_lightning.metrics.table_shapes import column_errors, mean_pair_error, pair_errors
from gan_lightning.metrics.two_sample import two_sample_auc, two_sample_scores
from gan_lightning.metrics.utility import Scores, boosting_scores, four_classifiers_f1
from gan_lightning.modalities.samples import Sample
from gan_lightning.modalities.table_rows import equal_rows

if TYPE_CHECKING:
    from gan_lightning.metrics.tables import TableEvaluator

MAX_TOLD_APART = 10_000  # samples, and as many real rows, that the two-sample test uses
MAX_GUESSED = 5000  # members, and as many rows of the holdout, of which a value is guessed


class TableView(View):
    """View of rows of a table.

    Args:
        evaluator, content, condition: as for :class:`View`.
        for_training: rows (m, columns) that classifiers are trained on.
    """

    evaluator: "TableEvaluator"
    content: Tensor

    def __init__(
        self, evaluator: "TableEvaluator", content: Tensor, condition: Sample | None, for_training: Tensor
    ) -> None:
        super().__init__(evaluator, content, condition)
        self.for_training = for_training

    @cached_property
    def rows(self) -> np.ndarray:
        """The content (n, columns) as an array."""
        return self.content.numpy()

    @property
    def flat(self) -> Tensor:
        """The features, which reveal copies too."""
        return self.features

    @cached_property
    def embedded(self) -> Tensor:
        """The rows (n, columns) float32 as distances need them."""
        return self.evaluator.distance.embed(self.content)


TableReference: TypeAlias = Reference[TableView]


# Shapes ---------------------------------------------------------------------------------------------------------------


def find_pair_errors(samples: TableView, reference: TableReference) -> np.ndarray:
    return pair_errors(reference.real.rows, samples.rows, samples.evaluator.categorical)


def shape_error(reference: TableReference, samples: TableView) -> float:
    return float(column_errors(reference.real.rows, samples.rows, samples.evaluator.categorical).mean())


def pair_error(reference: TableReference, samples: TableView) -> float | None:
    return mean_pair_error(samples.compute_once(find_pair_errors, reference))


def tell_apart(samples: TableView, reference: TableReference) -> Auc:
    categorical = samples.evaluator.categorical
    real, generated = two_sample_scores(
        reference.real.content, samples.content, 0, "boosting", categorical, MAX_TOLD_APART
    )
    return auc(generated, real)


def boosting_auc(reference: TableReference, samples: TableView) -> float:
    return samples.compute_once(tell_apart, reference).value


def boosting_margin(reference: TableReference, samples: TableView) -> float:
    return samples.compute_once(tell_apart, reference).margin


def linear_auc(reference: TableReference, samples: TableView) -> float:
    return two_sample_auc(reference.real.features, samples.features)


# Utility --------------------------------------------------------------------------------------------------------------


def train_boosting(samples: TableView, reference: TableReference) -> Scores | None:
    target = samples.evaluator.target
    if target is None or samples.rows.shape[1] < 2:
        return None
    return boosting_scores(samples.for_training.numpy(), reference.real.rows, target, samples.evaluator.categorical)


def utility_auc(reference: TableReference, samples: TableView) -> float | None:
    scores = samples.compute_once(train_boosting, reference)
    return None if scores is None else scores.auc.value


def utility_margin(reference: TableReference, samples: TableView) -> float | None:
    scores = samples.compute_once(train_boosting, reference)
    return None if scores is None else scores.auc.margin


def utility_macro_f1(reference: TableReference, samples: TableView) -> float | None:
    scores = samples.compute_once(train_boosting, reference)
    return None if scores is None else scores.macro_f1


def utility_mean_f1(reference: TableReference, samples: TableView) -> float | None:
    target = samples.evaluator.target
    if target is None or samples.rows.shape[1] < 2:
        return None
    return four_classifiers_f1(samples.for_training.numpy(), reference.real.rows, target, samples.evaluator.categorical)


def label_accuracy(reference: TableReference, samples: TableView) -> float | None:
    target, wanted = samples.evaluator.target, samples.condition
    if target is None or reference.data.condition is None or not isinstance(wanted, Tensor):
        return None
    labels = reference.data.condition.decode(wanted)
    assert isinstance(labels, Tensor)
    return (labels == samples.content[:, target]).double().mean().item()


# Privacy: the members are the training rows of ``other``, the holdout are the test rows of ``real`` -------------------


def has_holdout(reference: TableReference) -> bool:
    return reference.split == "test"


def find_members(samples: TableView, reference: TableReference) -> NearestRows:
    return nearest_rows(samples.embedded, reference.other.embedded, 2)


def find_holdout(samples: TableView, reference: TableReference) -> NearestRows:
    return nearest_rows(samples.embedded, reference.real.embedded)


def nearest_samples(samples: TableView, reference: TableReference) -> tuple[Tensor, Tensor]:
    """Return the distances of members and of the holdout to the nearest sample."""
    return samples.compute_once(find_members, reference).back, samples.compute_once(find_holdout, reference).back


def find_reference(members: TableView, holdout: TableView) -> tuple[Tensor, Tensor]:
    return reference_distances(members.embedded, holdout.embedded)


def attack_by_density(samples: TableView, reference: TableReference) -> Membership:
    members, holdout = nearest_samples(samples, reference)
    return density_attack(Nearness(members, holdout, *reference.other.compute_once(find_reference, reference.real)))


def dcr_share(reference: TableReference, samples: TableView) -> float | None:
    if not has_holdout(reference):
        return None
    to_members, to_holdout = (samples.compute_once(find, reference) for find in (find_members, find_holdout))
    return closer_to_members(to_members.distances[:, 0], to_holdout.distances[:, 0])


def nndr(reference: TableReference, samples: TableView) -> float | None:
    return nearest_ratio(samples.compute_once(find_members, reference).distances) if has_holdout(reference) else None


def exact_copies(reference: TableReference, samples: TableView) -> float:
    assert isinstance(reference.training, Tensor)
    return (equal_rows(samples.content, reference.training) > 0).double().mean().item()


def exact_copies_of_real(reference: TableReference) -> float:
    assert isinstance(reference.training, Tensor)
    itself = 0 if has_holdout(reference) else 1
    return (equal_rows(reference.real.content, reference.training) > itself).double().mean().item()


def membership_auc(reference: TableReference, samples: TableView) -> float | None:
    return samples.compute_once(attack_by_density, reference).auc.value if has_holdout(reference) else None


def membership_margin(reference: TableReference, samples: TableView) -> float | None:
    return samples.compute_once(attack_by_density, reference).auc.margin if has_holdout(reference) else None


def membership_tpr(reference: TableReference, samples: TableView) -> float | None:
    return samples.compute_once(attack_by_density, reference).true_positive_rate if has_holdout(reference) else None


def membership_distance_auc(reference: TableReference, samples: TableView) -> float | None:
    if not has_holdout(reference):
        return None
    return distance_attack(*nearest_samples(samples, reference)).auc.value


def guess_attribute(samples: TableView, reference: TableReference) -> Advantage | None:
    if not has_holdout(reference) or samples.rows.shape[1] < 2:
        return None
    members, holdout = (view.embedded[:MAX_GUESSED] for view in (reference.other, reference.real))
    return attribute_attack(samples.embedded, members, holdout, samples.evaluator.sensitive)


def attribute_advantage(reference: TableReference, samples: TableView) -> float | None:
    advantage = samples.compute_once(guess_attribute, reference)
    return None if advantage is None else advantage.value


def attribute_margin(reference: TableReference, samples: TableView) -> float | None:
    advantage = samples.compute_once(guess_attribute, reference)
    return None if advantage is None else advantage.margin


def of_fresh_rows(
    compute: Callable[[TableReference, TableView], float | None], expected: float | None
) -> Callable[[TableReference], float | None]:
    """Return a baseline: the metric of rows that are neither members nor holdout, or ``expected`` if too few are."""

    def baseline(reference: TableReference) -> float | None:
        if reference.neither is None:
            return expected if has_holdout(reference) else None
        return compute(reference, reference.neither)

    return baseline


def of_real_rows(
    compute: Callable[[TableReference, TableView], float | None],
) -> Callable[[TableReference], float | None]:
    """Return a baseline: the metric of the real rows that samples are compared with."""
    return lambda reference: compute(reference, reference.real)
