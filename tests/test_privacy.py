"""Attacks on privacy, on generators that copy and on fresh rows, and their statistics against other implementations."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score, roc_curve

from gan_lightning.metrics.privacy import (
    Nearness,
    RowDistance,
    attribute_attack,
    closer_to_members,
    density_attack,
    distance_attack,
    nearest_ratio,
    nearest_rows,
    reference_distances,
)
from gan_lightning.metrics.roc import auc, true_positive_rate
from gan_lightning.metrics.table_baselines import noisy_copies
from gan_lightning.modalities.table_rows import equal_rows

NAN = float("nan")
CATEGORICAL = np.array([False, False, True, True])


def rows(n: int, seed: int) -> torch.Tensor:
    """Return n rows of two numbers and two categories that depend on each other, with missing values."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 1, generator=generator, dtype=torch.float64)
    noise = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    table = torch.cat([x, x + noise[:, :1], (3 * x + noise[:, 1:]).round().clamp(0, 8)], 1)
    table[torch.rand(n, 4, generator=generator) < 0.05] = NAN
    return table


def attack(samples: torch.Tensor, members: torch.Tensor, holdout: torch.Tensor) -> tuple:
    distance = RowDistance(members, CATEGORICAL)
    samples, members, holdout = map(distance.embed, (samples, members, holdout))
    back = [nearest_rows(samples, one).back for one in (members, holdout)]
    return density_attack(Nearness(*back, *reference_distances(members, holdout))), distance_attack(*back)


# Statistics -----------------------------------------------------------------------------------------------------------


def scores() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.normal(0.7, 1, 60).round(1), random.normal(0, 1, 90).round(1)  # with ties


def test_auc_is_that_of_sklearn():
    positive, negative = scores()
    expected = roc_auc_score(np.repeat([1, 0], [60, 90]), np.concatenate([positive, negative]))
    assert auc(positive, negative).value == pytest.approx(expected)
    assert auc(np.ones(5), np.zeros(3)) == (1, 0)


def test_interval_is_that_of_delong():
    positive, negative = scores()
    wins = (positive[:, None] > negative) + (positive[:, None] == negative) / 2
    variance = wins.mean(1).var(ddof=1) / 60 + wins.mean(0).var(ddof=1) / 90
    assert auc(positive, negative).margin == pytest.approx(1.96 * variance**0.5)


def test_interval_contains_the_truth_19_times_in_20():
    random = np.random.default_rng(0)
    truth = 0.6914625  # of two normal distributions at a distance of sqrt(.5)
    found = [auc(random.normal(0.5**0.5, 1, 50), random.normal(0, 1, 50)) for _ in range(400)]
    assert np.mean([abs(one.value - truth) <= one.margin for one in found]) == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize("at", [0.01, 0.05, 0.5])
def test_true_positive_rate_is_that_of_the_curve_of_sklearn(at):
    positive, negative = scores()
    y, all_scores = np.repeat([1, 0], [60, 90]), np.concatenate([positive, negative])
    accepted, found, _ = roc_curve(y, all_scores, drop_intermediate=False)
    curve = [one for one in zip(accepted, found, strict=True) if one[0] <= at]
    after = next(one for one in zip(accepted, found, strict=True) if one[0] > at)
    (x0, y0), (x1, y1) = max(curve), after
    assert true_positive_rate(positive, negative, at) == pytest.approx(y0 + (y1 - y0) * (at - x0) / (x1 - x0))


def test_true_positive_rate_of_scores_that_say_nothing_is_the_false_one():
    assert true_positive_rate(np.zeros(10), np.zeros(20)) == pytest.approx(0.01)
    assert true_positive_rate(np.ones(10), np.zeros(20)) == 1


# Distances ------------------------------------------------------------------------------------------------------------


def slow_distance(a: torch.Tensor, b: torch.Tensor, training: torch.Tensor) -> float:
    total = 0.0
    for i, (x, y) in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
        if np.isnan(x) or np.isnan(y):
            total += np.isnan(x) != np.isnan(y)
        elif CATEGORICAL[i]:
            total += x != y
        else:
            known = training[~training[:, i].isnan(), i].numpy()
            ranks = [((known < value).sum() + (known <= value).sum()) / 2 / len(known) for value in (x, y)]
            total += abs(ranks[0] - ranks[1])
    return total / 4


def test_nearest_rows_are_those_of_all_distances():
    training, first, second = rows(50, 0), rows(70, 1), rows(40, 2)
    expected = torch.tensor([[slow_distance(a, b, training) for b in second] for a in first])
    distance = RowDistance(training, CATEGORICAL)
    found = nearest_rows(distance.embed(first), distance.embed(second), 2)
    assert torch.allclose(found.distances.double(), expected.sort(1).values[:, :2], atol=1e-6)
    assert torch.allclose(expected.gather(1, found.indices), expected.sort(1).values[:, :2], atol=1e-6)
    assert torch.allclose(found.back.double(), expected.min(0).values, atol=1e-6)


def test_reference_distances_use_the_other_half_of_the_holdout():
    distance = RowDistance(rows(50, 0), CATEGORICAL)
    members, holdout = distance.embed(rows(11, 1)), distance.embed(rows(9, 2))
    to_members, to_holdout = reference_distances(members, holdout)
    halves = holdout[:5], holdout[5:]
    expected = [nearest_rows(members[:6], halves[0]), nearest_rows(members[6:], halves[1])]
    assert torch.equal(to_members, torch.cat([one.distances[:, 0] for one in expected]))
    expected = [nearest_rows(halves[0], halves[1]), nearest_rows(halves[1], halves[0])]
    assert torch.allclose(to_holdout, torch.cat([one.distances[:, 0] for one in expected]))


def test_share_nearer_to_members_counts_ties_half():
    assert closer_to_members(torch.tensor([0, 1, 2, 3.0]), torch.tensor([1, 1, 1, 4.0])) == 0.625


def test_nearest_ratio_of_equal_rows_is_1():
    distances = torch.tensor([[0, 0], [0, 1], [1, 2], [3, 4]])
    assert nearest_ratio(distances, 0) == 0
    assert nearest_ratio(distances, 1) == 1
    assert nearest_ratio(distances, 0.5) == pytest.approx((0.5 + 0.75) / 2)


def test_equal_rows_are_counted():
    table = torch.tensor([[1, NAN], [1, NAN], [0.0, 2]], dtype=torch.float64)
    found = equal_rows(torch.tensor([[1, NAN], [-0.0, 2], [1, 2]], dtype=torch.float64), table)
    assert found.tolist() == [2, 1, 0]


# Attacks --------------------------------------------------------------------------------------------------------------


def test_attacks_find_members_of_copies():
    members, holdout = rows(300, 0), rows(300, 1)
    for found in attack(members, members, holdout):
        assert found.auc.value > 0.95
        assert found.true_positive_rate > 0.3


def test_attacks_find_members_of_noisy_copies():
    members, holdout = rows(300, 0), rows(300, 1)
    density, distance = attack(noisy_copies(members, 300), members, holdout)
    assert density.auc.value - density.auc.margin > 0.6
    assert distance.auc.value - distance.auc.margin > 0.6


def test_attacks_learn_nothing_from_fresh_rows():
    found = [attack(rows(300, 3 * i), rows(300, 3 * i + 1), rows(300, 3 * i + 2)) for i in range(4)]
    for one in (result for pair in found for result in pair):
        assert abs(one.auc.value - 0.5) < 1.5 * one.auc.margin
    assert np.mean([[one.auc.value for one in pair] for pair in found]) == pytest.approx(0.5, abs=0.02)
    assert np.mean([[one.true_positive_rate for one in pair] for pair in found]) < 0.03


def test_attribute_inference_succeeds_on_copies_alone():
    members, holdout = rows(400, 0), rows(400, 1)
    distance = RowDistance(members, CATEGORICAL)
    for sensitive in (1, 3):  # a number and a category
        advantages = [
            attribute_attack(*map(distance.embed, (samples, members, holdout)), sensitive).value
            for samples in (members, rows(400, 2))
        ]
        assert advantages[0] > 0.3
        assert advantages[1] == pytest.approx(0, abs=0.08)


def test_attribute_inference_by_hand():
    samples = torch.tensor([[0.0, 1], [0.5, 2]])
    members = torch.tensor([[0.1, 1], [0.6, 1]])  # guessed 1 and 2: one is right
    holdout = torch.tensor([[0.9, 1], [0.0, 2]])  # guessed 2 and 1: both are wrong
    assert attribute_attack(samples, members, holdout, 1).value == 0.5
