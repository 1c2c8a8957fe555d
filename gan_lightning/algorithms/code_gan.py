"""GANs on codes of sequences, for samples that are not differentiable."""

from collections.abc import Callable
from typing import Unpack

import torch
import torch.nn.functional as F
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lightning.algorithms.discrimination import check_discriminator, discriminate, logits_of
from gan_lightning.algorithms.model import GenerativeModel, ModelSettings, frozen
from gan_lightning.algorithms.objectives import Objective
from gan_lightning.algorithms.priors import Prior
from gan_lightning.algorithms.regularizers import NoPenalty, Regularizer
from gan_lightning.data.datamodule import Batch
from gan_lightning.modalities.samples import Sample
from gan_lightning.networks.code_gan import Generator


class CodeGAN(GenerativeModel):
    """GAN whose generator and discriminator work on the codes of an autoencoder (ARAE, Zhao et al., 2018,
    arXiv:1706.04223).

    The first ``autoencoder_iterations`` train the autoencoder, with noise on the codes, so that near codes are
    sequences alike. Then it stays as it is, and the GAN learns the distribution of the codes.

    Args:
        prior: n -> latents (n, noise_dim).
        generator: latents -> codes -> sequences.
        encoder: sequences -> codes (B, code_dim) of norm 1.
        discriminator: (code, condition) -> logits (B, K).
        objective: the losses of generator and discriminator.
        autoencoder_optimizer: parameters -> optimizer.
        generator_optimizer: parameters -> optimizer, for the generator of codes.
        discriminator_optimizer: parameters -> optimizer.
        autoencoder_iterations: number of iterations of the first stage.
        noise: norm of the noise on codes in the first stage, relative to that of a code.
        regularizer: the penalty on the discriminator; None for no penalty.
        settings: see :class:`GenerativeModel`.

    Raises:
        ValueError: if the parts cannot work together.
    """

    generator: Generator

    def __init__(
        self,
        prior: Prior,
        generator: Generator,
        encoder: nn.Module,
        discriminator: nn.Module,
        objective: Objective,
        autoencoder_optimizer: Callable[..., Optimizer],
        generator_optimizer: Callable[..., Optimizer],
        discriminator_optimizer: Callable[..., Optimizer],
        autoencoder_iterations: PositiveInt,
        noise: NonNegativeFloat = 0.5,
        regularizer: Regularizer | None = None,
        **settings: Unpack[ModelSettings],
    ) -> None:
        super().__init__(generator, prior, **settings)
        if self.cuda_graph:
            raise ValueError("cuda_graph=true: one graph cannot hold two stages: cuda_graph=false")
        self.encoder, self.discriminator = encoder, discriminator
        self.objective, self.regularizer = objective, regularizer or NoPenalty()
        self.autoencoder_optimizer = autoencoder_optimizer
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        self.autoencoder_iterations, self.noise = autoencoder_iterations, noise
        check_discriminator(discriminator, objective, self.regularizer, discriminator_optimizer)

    def update(self, batch: Batch) -> dict[str, Tensor]:
        autoencoder_optimizer, generator_optimizer, discriminator_optimizer = self.optimizers()  # type: ignore[attr-defined]
        if self.iteration < self.autoencoder_iterations:
            loss = self.reconstruction(batch)
            self.minimize(loss, autoencoder_optimizer)
            return {"loss/reconstruction": loss.detach()}

        with torch.no_grad():
            real = self.encoder(batch.real)
        fake = self.generator.codes(self.latents(len(real)))  # type: ignore[arg-type]
        needs_input_grad = self.regularizer.needs_input_grad
        seen = discriminate(self.logits, real, fake.detach(), None, needs_input_grad=needs_input_grad, mixing=False)
        discriminator_loss = self.objective.discriminator_loss(seen.real_logits, seen.fake_logits)
        penalty = self.regularizer.weight(self.iteration) * self.regularizer(self.discriminator, seen)
        self.minimize(discriminator_loss + penalty, discriminator_optimizer)

        with frozen([*self.discriminator.parameters()]):
            generator_loss = self.objective.generator_loss(self.logits(fake, None), self.logits(real, None))
        self.minimize(generator_loss, generator_optimizer)
        return {
            "loss/discriminator": discriminator_loss.detach(),
            "loss/generator": generator_loss.detach(),
            **({} if isinstance(self.regularizer, NoPenalty) else {"loss/penalty": penalty.detach()}),
        }

    def reconstruction(self, batch: Batch) -> Tensor:
        """Return the mean negative log-probability of the values of a batch, given their codes with noise."""
        assert isinstance(batch.real, Tensor)
        code = self.encoder(batch.real)
        noise = torch.randn_like(code) * (self.noise / code.shape[1] ** 0.5)
        return self.generator.decoder.token_losses(batch.real, F.normalize(code + noise, dim=1)).mean()

    def logits(self, code: Sample, condition: Sample | None) -> Tensor:
        """Return D's logits (B, K) of codes in float32 or wider."""
        return logits_of(self.discriminator, code, condition)

    def run_networks(self, batch: Batch) -> list[Tensor]:
        code = self.encoder(batch.real)
        return [code, self.reconstruction(batch), self.logits(code, None)]

    def make_optimizers(self) -> list[Optimizer]:
        autoencoder = [*self.encoder.parameters(), *self.generator.decoder.parameters()]
        return [
            self.autoencoder_optimizer(autoencoder),
            self.generator_optimizer(self.generator.layers.parameters()),
            self.discriminator_optimizer(self.discriminator.parameters()),
        ]
