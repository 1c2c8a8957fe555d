"""The budget of differential privacy, and what mechanisms spend of it."""

import math

import pytest
import torch
from scipy.optimize import brentq
from scipy.stats import norm

from gan_lightning.algorithms.privacy import DifferentialPrivacy, Mechanism, spent_epsilon
from gan_lightning.data.batches import PoissonBatches
from gan_lightning.errors import UserError
from gan_lightning.system.randomness import secret_normal, secret_uniform

pytest.importorskip("opacus", reason="needs the extra privacy")
DELTA = 1e-5


def analytic_epsilon(noise: float, delta: float) -> float:
    """Return the exact ε of one Gaussian mechanism (Balle & Wang, 2018, arXiv:1805.06530, theorem 8)."""

    def excess(epsilon: float) -> float:
        shift = epsilon * noise
        return norm.cdf(0.5 / noise - shift) - math.exp(epsilon) * norm.cdf(-0.5 / noise - shift) - delta

    return brentq(excess, 1e-6, 100)


@pytest.mark.parametrize("noise", [0.7, 1.0, 3.73, 20.0])
def test_epsilon_of_one_mechanism_is_the_exact_one(noise):
    exact = analytic_epsilon(noise, DELTA)
    assert exact <= spent_epsilon([Mechanism(noise)], DELTA) <= exact + 0.02


def test_epsilon_of_repeated_mechanisms_is_that_of_one_with_less_noise():
    exact = analytic_epsilon(3.0 / math.sqrt(9), DELTA)
    assert exact <= spent_epsilon([Mechanism(3.0, steps=9)], DELTA) <= exact + 0.02
    assert exact <= spent_epsilon([Mechanism(3.0, steps=4), Mechanism(3.0, steps=5)], DELTA) <= exact + 0.02


def test_epsilon_of_samples_is_below_the_bound_of_another_accountant():
    from opacus.accountants import RDPAccountant

    other = RDPAccountant()
    other.history = [(1.1, 0.01, 500)]
    found = spent_epsilon([Mechanism(1.1, 0.01, 500)], DELTA)
    assert 0.5 * other.get_epsilon(DELTA) < found < other.get_epsilon(DELTA)
    assert found < spent_epsilon([Mechanism(1.1, 0.02, 500)], DELTA)


def test_nothing_is_spent_before_the_first_mechanism():
    assert spent_epsilon([], DELTA) == spent_epsilon([Mechanism(1.0, steps=0)], DELTA) == 0


@pytest.mark.slow
@pytest.mark.parametrize("epsilon", [0.5, 10.0])
def test_noise_spends_the_budget_and_no_more(epsilon):
    budget = DifferentialPrivacy(epsilon, DELTA, 0.5)
    noise = budget.noise_multiplier(share=0.5)
    assert analytic_epsilon(noise, DELTA) == pytest.approx(0.5 * epsilon, rel=0.05)
    budget.spend(Mechanism(noise))
    rest = budget.noise_multiplier(0.01, 100)
    for _ in range(100):
        budget.spend(Mechanism(rest, 0.01))
    assert budget.spent == [Mechanism(noise), Mechanism(rest, 0.01, 100)]
    assert 0.95 * epsilon < spent_epsilon(budget.spent, DELTA, epsilon / 200) <= epsilon
    assert budget.record()["epsilon"] <= epsilon
    with pytest.raises(UserError, match=f"privacy.epsilon={epsilon:g}: the run has spent it"):
        budget.noise_multiplier(0.5, 10_000)


def test_record_restores_the_budget(monkeypatch):
    budget = DifferentialPrivacy(1.0, DELTA, 0.5)
    budget.spend(Mechanism(4.0))
    other = DifferentialPrivacy(1.0, DELTA, 0.5)
    other.restore(budget.record())
    assert other.spent == budget.spent
    monkeypatch.setattr("gan_lightning.algorithms.privacy.spent_epsilon", None)  # reading needs no accountant
    assert other.record() == budget.record()


def test_poisson_batches_have_each_example_with_the_same_probability():
    batches = PoissonBatches(200, 20)
    drawn = [content for _ in range(100) for content, _ in batches]
    assert len(drawn) == 100 * len(batches) == 1000
    counts = torch.bincount(torch.cat(drawn), minlength=200)
    assert counts.double().mean().item() == pytest.approx(100, abs=4)  # standard error 0.7
    assert counts.min() > 50  # standard deviation 9.5
    assert counts.max() < 150
    sizes = torch.tensor([len(one) for one in drawn], dtype=torch.float64)
    assert sizes.var().item() == pytest.approx(200 * 0.1 * 0.9, rel=0.3)


def test_poisson_batches_of_a_resumed_epoch_are_the_rest():
    batches = PoissonBatches(200, 20)
    batches.start = 7
    assert len(list(batches)) == 3
    assert len(list(batches)) == 10


def test_secret_numbers_follow_their_distributions_and_no_seed():
    uniform, normal = secret_uniform(20_000), secret_normal((100, 200), torch.device("cpu"))
    assert 0 < uniform.min() < uniform.max() < 1
    assert uniform.mean().item() == pytest.approx(0.5, abs=0.02)
    assert normal.shape == (100, 200)
    assert normal.mean().item() == pytest.approx(0, abs=0.05)
    assert normal.std().item() == pytest.approx(1, abs=0.05)
    torch.manual_seed(0)
    first = secret_normal((5,), torch.device("cpu"))
    torch.manual_seed(0)
    assert not torch.equal(first, secret_normal((5,), torch.device("cpu")))
