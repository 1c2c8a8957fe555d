"""Variational autoencoder, a baseline that is not a GAN."""

from collections.abc import Callable
from typing import Unpack

import torch
import torch.nn.functional as F
from pydantic import PositiveFloat
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lightning.algorithms.model import GenerativeModel, ModelSettings, evaluating
from gan_lightning.algorithms.priors import Prior
from gan_lightning.data.datamodule import Batch
from gan_lightning.modalities.samples import Sample, Shape


class VAE(GenerativeModel):
    """Variational autoencoder (Kingma & Welling, 2013, https://arxiv.org/abs/1312.6114).

    The decoder is the generator. Samples in [-1, 1] are mapped to [0, 1] and modelled as Bernoulli variables, as usual
    for MNIST.

    Args:
        prior: n -> latents (n, latent_dim); must be N(0, I), which the KL divergence assumes.
        generator: the decoder, (latent, condition) -> sample in [-1, 1].
        encoder: (sample, condition) -> (B, 2 · latent_dim), mean and log-variance of q(z | x).
        optimizer: parameters -> optimizer, for both networks.
        kl_weight: β of the β-VAE (Higgins et al., 2017); 1 gives the evidence lower bound.
        settings: see :class:`GenerativeModel`.
    """

    def __init__(
        self,
        prior: Prior,
        generator: nn.Module,
        encoder: nn.Module,
        optimizer: Callable[..., Optimizer],
        kl_weight: PositiveFloat = 1.0,
        **settings: Unpack[ModelSettings],
    ) -> None:
        super().__init__(generator, prior, **settings)
        self.encoder = encoder
        self.optimizer = optimizer
        self.kl_weight = kl_weight

    def update(self, batch: Batch) -> dict[str, Tensor]:
        real, condition = batch
        assert isinstance(real, Tensor)

        mean, log_variance = self.encoder(real, condition).float().chunk(2, 1)
        latent = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        decoded = self.generator(latent, condition)

        reconstruction = bernoulli_loss(decoded, real)
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean() / 2
        self.minimize(reconstruction + self.kl_weight * divergence, self.optimizers())  # type: ignore[arg-type]

        return {"loss/reconstruction": reconstruction.detach(), "loss/kl": divergence.detach()}

    @torch.no_grad()
    def check_networks(self, sample_shape: Shape, condition: Sample | None) -> Sample:
        sample = super().check_networks(sample_shape, condition)
        with evaluating(self.encoder):
            self.encoder(sample, condition)
        return sample

    def run_networks(self, batch: Batch) -> list[Tensor]:
        return [*super().run_networks(batch), self.encoder(batch.real, batch.condition)]

    def make_optimizers(self) -> list[Optimizer]:
        return [self.optimizer([*self.encoder.parameters(), *self.generator.parameters()])]


def bernoulli_loss(decoded: Tensor, real: Tensor) -> Tensor:
    """Return −log p(x | z) (), summed over the elements of a sample and averaged over the batch.

    Args:
        decoded: (B, …) in [-1, 1]; the probabilities are (decoded + 1) / 2.
        real: (B, …) in [-1, 1]; the observations are (real + 1) / 2.
    """
    probabilities = (decoded.float() + 1) / 2
    loss = F.binary_cross_entropy(probabilities.clamp(1e-6, 1 - 1e-6), (real.float() + 1) / 2, reduction="sum")
    return loss / len(real)
