"""Two networks, an objective and a stream of batches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lightning.model import GenerativeModel
from gan_lightning.objectives import Objective, probability
from gan_lightning.randomness import ITERATION, derived_seed, seed_device


class GAN(GenerativeModel):
    """A generative adversarial network (Goodfellow et al., 2014, https://arxiv.org/abs/1406.2661).

    One *iteration* is one call of ``training_step``: one update of the discriminator and one of the generator.
    ``iteration`` counts them, and everything is logged, scheduled, limited and saved by that count (Lightning's
    ``global_step`` counts every optimizer's steps and so runs twice as fast).

    Args:
        latent_dim: length of the latent vector z.
        prior: (n, latent_dim, device=, generator=) -> latents (n, latent_dim).
        generator: (latent, condition) -> sample.
        discriminator: (sample, condition) -> logits (B, K).
        objective: logits to the two losses.
        generator_optimizer: parameters -> optimizer.
        discriminator_optimizer: parameters -> optimizer.
        seed: all randomness of iteration i comes from (seed, i, rank).
    """

    def __init__(
        self,
        latent_dim: PositiveInt,
        prior: Callable[..., Tensor],
        generator: nn.Module,
        discriminator: nn.Module,
        objective: Objective,
        generator_optimizer: Callable[..., Optimizer],
        discriminator_optimizer: Callable[..., Optimizer],
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not isinstance(objective, Objective):
            raise ValueError(f"objective {type(objective).__name__} needs discriminator_loss and generator_loss")
        self.automatic_optimization = False  # two optimizers take turns in training_step
        self.latent_dim = latent_dim
        self.prior = prior
        self.generator = generator
        self.discriminator = discriminator
        self.objective = objective
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        self.seed = seed

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> dict[str, Tensor]:
        real, condition = batch
        discriminator_optimizer, generator_optimizer = self.optimizers()  # type: ignore[attr-defined]
        seed_device(self.device, derived_seed(self.seed, ITERATION, self.iteration, self.global_rank))
        latent = self.prior(len(real), self.latent_dim, device=self.device)
        fake = self.generator(latent, condition)

        # The discriminator learns to tell the real from the fake.
        real_logits = self.logits(real, condition)
        fake_logits = self.logits(fake.detach(), condition)
        discriminator_loss = self.objective.discriminator_loss(real_logits, fake_logits)
        discriminator_optimizer.zero_grad()
        self.manual_backward(discriminator_loss)
        discriminator_optimizer.step()

        # The generator learns to make the same fakes pass for real.
        with frozen(self.discriminator):
            generator_loss = self.objective.generator_loss(self.logits(fake, condition))
        generator_optimizer.zero_grad()
        self.manual_backward(generator_loss)
        generator_optimizer.step()

        self.iteration += 1
        return {
            "loss/discriminator": discriminator_loss.detach(),
            "loss/generator": generator_loss.detach(),
            "probability/real": probability(real_logits.detach()),
            "probability/fake": probability(fake_logits.detach()),
        }

    def logits(self, sample: Tensor, condition: Tensor | None) -> Tensor:
        """D's verdicts (B, K), in float32 at least: in bfloat16 a loss would have three digits."""
        logits = self.discriminator(sample, condition)
        return logits.to(torch.promote_types(logits.dtype, torch.float32))

    def configure_optimizers(self) -> list[Optimizer]:
        return [
            self.discriminator_optimizer(self.discriminator.parameters()),
            self.generator_optimizer(self.generator.parameters()),
        ]


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Gradients flow through the network but not into its parameters."""
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)
