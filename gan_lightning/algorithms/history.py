"""Pool of earlier fakes, so that a discriminator does not forget them."""

from collections.abc import Sequence

import torch
from pydantic import PositiveInt
from torch import Tensor, nn


class HistoryPool(nn.Module):
    """Pool of earlier fakes (Shrivastava et al., 2017, https://arxiv.org/abs/1612.07828, section 2.3).

    Each new fake goes to a random place of the pool. An empty place stores it. From a full one, with probability ½, it
    takes out an earlier fake and stays in its place; otherwise the new fake itself is returned.

    The pool is part of the checkpoint. Draws come from the default generator. Before each iteration, all processes of a
    run take over the pool of the first one, which writes the checkpoint.

    Args:
        size: number of fakes in the pool; 50 in CycleGAN.
        sample_shape: shape of one fake, without the batch.
    """

    fakes: Tensor
    filled: Tensor

    def __init__(self, size: PositiveInt, sample_shape: Sequence[PositiveInt]) -> None:
        super().__init__()
        self.register_buffer("fakes", torch.zeros(size, *sample_shape))
        self.register_buffer("filled", torch.zeros(size, dtype=torch.bool))

    def forward(self, fake: Tensor) -> Tensor:
        """Return a batch (B, *sample_shape) in which some new fakes are replaced by earlier ones.

        If the batch is larger than the pool, the rest of it is returned as it is.
        """
        places = torch.rand(len(self.fakes), device=fake.device).argsort()[: len(fake)]
        new, rest = fake[: len(places)], fake[len(places) :]
        new = new.to(self.fakes.dtype)
        stored, filled = self.fakes[places], _column(self.filled[places], new)
        exchanged = _column(torch.rand(len(places), device=fake.device) < 0.5, new)
        self.fakes[places] = torch.where(exchanged | ~filled, new, stored)
        self.filled[places] = True
        return torch.cat([torch.where(exchanged & filled, stored, new), rest])


def _column(mask: Tensor, like: Tensor) -> Tensor:
    """Return a mask (B,) in a shape that broadcasts over samples (B, …)."""
    return mask.view(-1, *[1] * (like.dim() - 1))
