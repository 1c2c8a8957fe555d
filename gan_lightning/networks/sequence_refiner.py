"""Generator of sequences that refines sequences of a counting model."""

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from gan_lightning.networks import sequence_counts
from gan_lightning.networks.table_gan import draw, gumbel, uniform


def latent_parts(sample_shape: Sequence[int], noise_dim: int) -> list[int]:
    """Return the sizes of the parts of a latent: noise, a number for each step, and one for each value of each step."""
    length, values = sample_shape
    return [noise_dim, length, length * values]


class Generator(nn.Module):
    """Maps latents (B, latent_dim) to sequences (B, length, sum of blocks) of one-hot vectors.

    The logits of a step are those of a sequence that a counting model draws, plus a correction that a recurrent network
    computes of the whole sequence, in both directions, and of noise. The correction starts at zero: an untrained
    generator is the counting model with noise. Values are drawn by the Gumbel-max trick; their gradient is that of the
    softmax, as of a straight-through estimator (Jang et al., 2017, arXiv:1611.01144). All randomness is in the latent.

    Args:
        blocks: number of values of each block.
        length: number of steps of a sequence.
        start: the counting model, whose sequences are refined; ``RefinerGAN`` counts the training sequences.
        noise_dim: size of the noise for the network.
        hidden_dim: size of the recurrent state of each direction.
        smoothing: share of the mass that is spread over all values of a block, in the logits of a sequence to refine.
        temperature: temperature of the softmax.
    """

    def __init__(
        self,
        blocks: Sequence[PositiveInt],
        length: PositiveInt,
        start: sequence_counts.Generator,
        noise_dim: PositiveInt,
        hidden_dim: PositiveInt,
        smoothing: Annotated[float, Field(gt=0, lt=1)] = 0.1,
        temperature: PositiveFloat = 1.0,
    ) -> None:
        super().__init__()
        self.blocks, self.start = list(blocks), start
        self.shape = length, sum(blocks)
        self.parts = latent_parts(self.shape, noise_dim)
        self.smoothing, self.temperature = smoothing, temperature
        self.embedding = nn.Linear(sum(blocks), hidden_dim, bias=False)
        self.noise = nn.Linear(noise_dim, hidden_dim)
        self.layers = nn.GRU(hidden_dim, hidden_dim, 2, batch_first=True, bidirectional=True)
        self.correction = nn.Linear(2 * hidden_dim, sum(blocks))
        nn.init.zeros_(self.correction.weight)
        nn.init.zeros_(self.correction.bias)

    def forward(self, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        noise, of_start, of_values = latent.split(self.parts, 1)
        drawn = self.start(uniform(of_start))
        read, _ = self.layers(self.embedding(drawn) + self.noise(noise)[:, None])
        logits = self.correction(read).float() + gumbel(of_values).unflatten(1, self.shape)
        steps = zip(logits.split(self.blocks, 2), drawn.split(self.blocks, 2), strict=True)
        return torch.cat([draw(one + self.logits(start), self.temperature) for one, start in steps], 2)

    def logits(self, drawn: Tensor) -> Tensor:
        """Return the logits of one-hot vectors: most of the mass on their values, the rest spread evenly."""
        return ((1 - self.smoothing) * drawn + self.smoothing / drawn.shape[-1]).log()
