"""What callbacks and commands know of a model, whatever algorithm trains it."""

from collections.abc import Callable
from typing import Any

import lightning.pytorch as L
import torch
from torch import Tensor, nn

MAX_FORWARD = 1024  # samples the generator makes at once outside training


class GenerativeModel(L.LightningModule):
    """A generator that is trained by some algorithm: the surface that callbacks and commands touch.

    A subclass sets these three, adds one to ``iteration`` in each ``training_step`` and returns the scalars to log.
    """

    generator: nn.Module
    latent_dim: int
    prior: Callable[..., Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.iteration = 0  # generator updates so far, over all epochs and resumptions

    def sample_latent(self, n: int, seed: int) -> Tensor:
        """Latents (n, latent_dim), drawn on the CPU so that a seed means the same on every device."""
        generator = torch.Generator().manual_seed(seed)
        return self.prior(n, self.latent_dim, generator=generator).to(self.device)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        condition: Tensor | None = None,
        *,
        seed: int = 0,
        latent: Tensor | None = None,
        **options: Any,
    ) -> Tensor:
        """n samples (n, *sample_shape) in evaluation mode.

        Args:
            n: how many.
            condition: one a sample, on any device.
            seed: of the latents.
            latent: (n, latent_dim), in place of what the seed gives.
            options: keyword arguments of the generator's ``forward``.
        """
        latent = self.sample_latent(n, seed) if latent is None else latent.to(self.device)
        training = self.generator.training
        self.generator.eval()
        samples = []
        for start in range(0, n, MAX_FORWARD):
            part = slice(start, start + MAX_FORWARD)
            part_condition = None if condition is None else condition[part].to(self.device)
            samples.append(self.generator(latent[part], part_condition, **options))
        self.generator.train(training)
        return torch.cat(samples)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["iteration"] = self.iteration

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.iteration = checkpoint["iteration"]
