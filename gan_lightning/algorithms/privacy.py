"""Differential privacy of a run: the budget, and what has been spent of it.

A mechanism is (ε, δ)-differentially private if adding or removing one row changes the probability of each set of
outcomes by at most a factor of exp(ε), but for a probability of δ (Dwork & Roth, 2014,
https://doi.org/10.1561/0400000042). What is computed from its outcome alone, such as samples, is as private.
"""

import math
import warnings
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import Field, PositiveFloat

from gan_lightning.errors import UserError, missing_extra

LEAST_NOISE = 0.25  # noise multiplier below which none is tried
PRECISION = 1.005  # ratio of noise multipliers at which the search ends
ACCOUNTANT = "PRV (Gopi et al., 2021, arXiv:2106.02848), by Opacus"

Delta = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, Field(gt=0, lt=1)]


class Mechanism(NamedTuple):
    """Gaussian mechanism that is applied to a Poisson sample of the rows, several times.

    Attributes:
        noise_multiplier: standard deviation of the noise over the L2 sensitivity: how far one row can move the result.
        sample_rate: probability of each row to be in a sample.
        steps: number of times.
    """

    noise_multiplier: float
    sample_rate: float = 1.0
    steps: int = 1


def spent_epsilon(mechanisms: Sequence[Mechanism], delta: float, error: float = 0.01) -> float:
    """Return an upper bound on ε of all mechanisms together, by the PRV accountant.

    Args:
        mechanisms: the mechanisms, each applied to the same rows.
        delta: δ.
        error: largest error of the bound.

    Raises:
        UserError: if Opacus is not installed.
    """
    used = [one for one in mechanisms if one.steps]
    if not used:
        return 0.0
    try:
        from opacus.accountants import PRVAccountant
    except ImportError as error_:
        raise missing_extra("privacy=dp", "privacy") from error_
    accountant = PRVAccountant()
    accountant.history = [tuple(one) for one in used]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about log(0) where it is not used, and about a bound that is not used
        return float(accountant.get_epsilon(delta, eps_error=error))


class DifferentialPrivacy:
    """Budget of (ε, δ)-differential privacy. Neighbouring data sets differ by one row that is added or removed.

    The number of rows and the schema are public.

    Args:
        epsilon: ε, the largest that a run may spend.
        delta: δ, less than 1 / number of rows.
        counts_share: share of ε that the counts alone may spend, where a GAN starts from a counting model.

    Attributes:
        spent: the mechanisms that the run has applied.
    """

    def __init__(self, epsilon: PositiveFloat, delta: Delta, counts_share: Share) -> None:
        self.epsilon = epsilon
        self.delta = delta
        self.counts_share = counts_share
        self.spent: list[Mechanism] = []
        self._recorded: dict[str, Any] = {}

    def spend(self, mechanism: Mechanism) -> None:
        """Record one more application of a mechanism."""
        if self.spent and self.spent[-1]._replace(steps=0) == mechanism._replace(steps=0):
            mechanism = mechanism._replace(steps=self.spent.pop().steps + mechanism.steps)
        self.spent.append(mechanism)

    def noise_multiplier(self, sample_rate: float = 1.0, steps: int = 1, share: float = 1.0) -> float:
        """Return the least noise with which a mechanism can be applied without spending more than the budget.

        Args:
            sample_rate: probability of each row to be in a sample.
            steps: number of times that the mechanism is applied.
            share: share of ε that may be spent in all.

        Raises:
            UserError: if nothing is left of the budget.
        """
        budget = share * self.epsilon
        error = budget / 50

        def affordable(noise: float) -> bool:
            return spent_epsilon([*self.spent, Mechanism(noise, sample_rate, steps)], self.delta, error) <= budget

        if spent_epsilon(self.spent, self.delta, error) > budget - error:
            raise UserError(
                f"privacy.epsilon={self.epsilon:g}: the run has spent it: train with a larger one from the start"
            )
        # The search comes from above, as ε of little noise takes much memory to compute.
        high = (1 + sample_rate * steps**0.5) * (2 * math.log(1.25 / self.delta)) ** 0.5 / budget
        while not affordable(high):
            high *= 2
        low = high / 2
        while low > LEAST_NOISE and affordable(low):
            low, high = low / 2, low
        while high / low > PRECISION:
            middle = (low * high) ** 0.5
            low, high = (low, middle) if affordable(middle) else (middle, high)
        return high

    def record(self) -> dict[str, Any]:
        """Return what the run has spent, as plain values for checkpoints, manifests, model cards and statements."""
        mechanism = [{"name": "Gaussian noise", **one._asdict()} for one in self.spent]
        if self._recorded.get("mechanism") != mechanism:
            self._recorded = {
                # A more precise bound has shown that the budget is kept.
                "epsilon": round(min(spent_epsilon(self.spent, self.delta, self.epsilon / 100), self.epsilon), 4),
                "delta": self.delta,
                "neighbors": "data sets that differ by one row",
                "accountant": ACCOUNTANT,
                "mechanism": mechanism,
            }
        return self._recorded

    def restore(self, record: dict[str, Any]) -> None:
        """Continue from what ``record`` returned."""
        self.spent = [Mechanism(**{key: one[key] for key in Mechanism._fields}) for one in record["mechanism"]]
        self._recorded = record
