"""GANs of sequences whose generator is trained by its likelihood, and whose discriminator chooses among its drafts."""

from collections.abc import Callable
from typing import Unpack

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.optim import Optimizer

from gan_lightning.algorithms.discrimination import check_discriminator, discriminate, logits_of
from gan_lightning.algorithms.likelihood import MaximumLikelihood
from gan_lightning.algorithms.model import ModelSettings, evaluating
from gan_lightning.algorithms.objectives import Objective
from gan_lightning.algorithms.priors import Prior
from gan_lightning.algorithms.regularizers import NoPenalty, Regularizer
from gan_lightning.data.datamodule import Batch
from gan_lightning.modalities.samples import Sample
from gan_lightning.networks.drafts import Generator


class DraftGAN(MaximumLikelihood):
    """Generator that draws drafts, trained by its likelihood, and a discriminator that chooses among them.

    The first ``likelihood_iterations`` train the generator of drafts. Then it stays as it is, and the discriminator
    learns to tell the training data from drafts of the averaged generator. Values are discrete, so the discriminator
    has no gradient for the generator; instead it corrects the distribution of the drafts (see
    :class:`gan_lightning.networks.drafts.Generator`).

    Args:
        generator: the generator of drafts with the discriminator.
        prior: n -> latents (n, *shape), uniform.
        optimizer: parameters -> optimizer, for the generator of drafts.
        discriminator_optimizer: parameters -> optimizer.
        objective: the loss of the discriminator; that of the generator is not used.
        likelihood_iterations: number of iterations of the first stage.
        regularizer: the penalty on the discriminator; None for no penalty.
        gradient_norm, settings: as for :class:`MaximumLikelihood`.

    Raises:
        ValueError: if the parts cannot work together.
    """

    generator: Generator

    def __init__(
        self,
        generator: Generator,
        prior: Prior,
        optimizer: Callable[..., Optimizer],
        discriminator_optimizer: Callable[..., Optimizer],
        objective: Objective,
        likelihood_iterations: PositiveInt,
        regularizer: Regularizer | None = None,
        gradient_norm: float = 1.0,
        **settings: Unpack[ModelSettings],
    ) -> None:
        super().__init__(generator, prior, optimizer, gradient_norm, **settings)
        if self.cuda_graph:
            raise ValueError("cuda_graph=true: one graph cannot hold two stages: cuda_graph=false")
        self.discriminator_optimizer = discriminator_optimizer
        self.objective = objective
        self.regularizer = regularizer or NoPenalty()
        self.likelihood_iterations = likelihood_iterations
        check_discriminator(generator.discriminator, objective, self.regularizer, discriminator_optimizer)

    def update(self, batch: Batch) -> dict[str, Tensor]:
        optimizer, discriminator_optimizer = self.optimizers()  # type: ignore[attr-defined]
        if self.iteration < self.likelihood_iterations:
            return self.follow_likelihood(batch, optimizer)
        real, condition = batch
        assert isinstance(real, Tensor)
        fake = self.drafts(len(real), condition)
        seen = discriminate(
            self.logits, real, fake, condition, needs_input_grad=self.regularizer.needs_input_grad, mixing=False
        )
        loss = self.objective.discriminator_loss(seen.real_logits, seen.fake_logits)
        penalty = self.regularizer.weight(self.iteration) * self.regularizer(self.generator.discriminator, seen)
        self.minimize(loss + penalty, discriminator_optimizer)
        logits = seen.fake_logits.detach().flatten()
        return {
            "loss/discriminator": loss.detach(),
            **({} if isinstance(self.regularizer, NoPenalty) else {"loss/penalty": penalty.detach()}),
            "drafts/effective_share": effective_share(logits),
        }

    @torch.no_grad()
    def drafts(self, n: int, condition: Sample | None) -> Tensor:
        """Return n drafts of the averaged generator, if there is an average."""
        generator = self.generator_of(None)
        assert isinstance(generator, Generator)
        drafter = generator.drafter
        latent = torch.rand(n, drafter.length, len(drafter.blocks), device=self.device)
        with evaluating(drafter):
            return drafter(latent, condition)

    def logits(self, sample: Sample, condition: Sample | None) -> Tensor:
        """Return D's logits (B, K) in float32 or wider."""
        return logits_of(self.generator.discriminator, sample, condition)

    def run_networks(self, batch: Batch) -> list[Tensor]:
        return [*super().run_networks(batch), self.logits(batch.real, batch.condition)]

    def make_optimizers(self) -> list[Optimizer]:
        return [
            self.optimizer(self.generator.drafter.parameters()),
            self.discriminator_optimizer(self.generator.discriminator.parameters()),
        ]


def effective_share(logits: Tensor) -> Tensor:
    """Return the share of drafts that count, (Σ w)² / (n Σ w²) for weights w = exp(logits) (n,) (Kish, 1965)."""
    log_sum, log_squares = logits.logsumexp(0), (2 * logits).logsumexp(0)
    return (2 * log_sum - log_squares).exp() / len(logits)
