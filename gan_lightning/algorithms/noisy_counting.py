"""Counting models with differential privacy, the rivals of private GANs of tables."""

from pydantic import NonNegativeInt
from torch import nn

from gan_lightning.algorithms.counting import Counting
from gan_lightning.algorithms.priors import Prior
from gan_lightning.algorithms.privacy import DifferentialPrivacy, Mechanism
from gan_lightning.algorithms.private_model import PrivateModel, check_private_counting


class NoisyCounting(PrivateModel, Counting):
    """Counting model whose counts start with Gaussian noise, to which the rows are added.

    Args:
        generator: a :class:`gan_lightning.networks.table_counts.Generator` without a tree.
        prior, seed: as for :class:`Counting`.
        privacy: the budget, which the counts spend as a whole.
    """

    def __init__(
        self, generator: nn.Module, prior: Prior, privacy: DifferentialPrivacy | None, seed: NonNegativeInt = 0
    ) -> None:
        super().__init__(generator, prior, seed=seed, privacy=privacy)
        check_private_counting([generator])

    def on_train_start(self) -> None:
        super().on_train_start()
        if self.iteration == 0:
            noise = self.privacy.noise_multiplier()
            self.generator.add_noise(noise)  # type: ignore[operator]
            self.privacy.spend(Mechanism(noise))
