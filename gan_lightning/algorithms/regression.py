"""Regression of samples on their conditions, a baseline that is not a GAN."""

from collections.abc import Callable
from typing import Unpack

import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lightning.algorithms.model import GenerativeModel, ModelSettings
from gan_lightning.algorithms.priors import Prior
from gan_lightning.data.datamodule import Batch
from gan_lightning.modalities.samples import Sample, Shape


class Regression(GenerativeModel):
    """Generator that predicts the sample of a condition with the least squared error.

    It learns the mean of the samples with the same condition. Where the condition determines the sample, a conditional
    GAN cannot be better.

    Args:
        generator: (latent, condition) -> sample.
        prior: n -> latents (n, *shape); zeros, since they should not matter.
        optimizer: parameters -> optimizer.
        settings: see :class:`GenerativeModel`.
    """

    def __init__(
        self,
        generator: nn.Module,
        prior: Prior,
        optimizer: Callable[..., Optimizer],
        **settings: Unpack[ModelSettings],
    ) -> None:
        super().__init__(generator, prior, **settings)
        self.optimizer = optimizer

    def update(self, batch: Batch) -> dict[str, Tensor]:
        real, condition = batch
        assert isinstance(real, Tensor)
        predicted = self.generator(self.latents(len(real)), condition)
        loss = F.mse_loss(predicted.float(), real.float())
        self.minimize(loss, self.optimizers())  # type: ignore[arg-type]
        return {"loss/squared_error": loss.detach()}

    def check_networks(self, sample_shape: Shape, condition: Sample | None) -> Sample:
        if condition is None:
            raise ValueError("regression predicts samples from their conditions: set conditional=true")
        return super().check_networks(sample_shape, condition)

    def make_optimizers(self) -> list[Optimizer]:
        return [self.optimizer(self.generator.parameters())]
