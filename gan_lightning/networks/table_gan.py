"""Generator of rows of a table: a residual perceptron that refines rows of a counting model."""

from collections.abc import Sequence

import torch
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn

from gan_lightning.networks import table_counts
from gan_lightning.networks.straight_through import draw, gumbel, uniform

SMOOTHING = 0.1  # share of the mass that is spread over all values of a column, in the logits of a row to refine


def latent_parts(blocks: Sequence[int], noise_dim: int) -> list[int]:
    """Return the sizes of the parts of a latent: noise, a number for each column, and a number for each value."""
    return [noise_dim, len(blocks), sum(blocks)]


class Residual(nn.Module):
    """Adds two linear layers to their input: x + W₂ ReLU(W₁ LN(x))."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Generator(nn.Module):
    """Maps latents (B, latent_dim) to rows (B, D) of one-hot vectors, one for each column.

    The logits of a column are those of a row that a counting model draws, plus a correction that the perceptron
    computes of this row, the label and noise. The correction starts at zero: an untrained generator is the counting
    model with noise. Values are drawn as :func:`gan_lightning.networks.straight_through.draw` does. All randomness is
    in the latent, so a row is a function of its latent and its label.

    Args:
        blocks: number of values of each column.
        start: the counting model, whose rows are refined; ``RefinerGAN`` counts the training rows.
        noise_dim: size of the noise for the perceptron.
        hidden_dim: width of the perceptron.
        layers: number of residual blocks.
        temperature: temperature of the softmax.
        target: index of the column with the label; None without one.
        num_classes: number of labels; None for an unconditional generator.
    """

    spread: Tensor

    def __init__(
        self,
        blocks: Sequence[PositiveInt],
        start: table_counts.Generator,
        noise_dim: PositiveInt,
        hidden_dim: PositiveInt,
        layers: PositiveInt,
        temperature: PositiveFloat = 1.0,
        target: NonNegativeInt | None = None,
        num_classes: PositiveInt | None = None,
    ) -> None:
        super().__init__()
        self.blocks = list(blocks)
        self.start = start
        self.parts = latent_parts(self.blocks, noise_dim)
        self.temperature = temperature
        self.target = target
        self.num_classes = num_classes
        sizes = torch.tensor(self.blocks)
        self.register_buffer("spread", (SMOOTHING / sizes).repeat_interleave(sizes), persistent=False)
        self.layers = nn.Sequential(
            nn.Linear(noise_dim + sum(self.blocks), hidden_dim),
            *(Residual(hidden_dim) for _ in range(layers)),
            nn.ReLU(),
        )
        self.correction = nn.Linear(hidden_dim, sum(self.blocks))
        nn.init.zeros_(self.correction.weight)
        nn.init.zeros_(self.correction.bias)

    def forward(self, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        noise, of_start, of_values = latent.split(self.parts, 1)
        row = self.start(uniform(of_start), condition if self.num_classes else None)
        correction = self.correction(self.layers(torch.cat([noise, row], 1)))
        logits = correction.float() + self.logits(row) + gumbel(of_values)
        drawn = [draw(one, self.temperature) for one in logits.split(self.blocks, 1)]
        if self.target is not None:  # the label stays as it is
            drawn[self.target] = row.split(self.blocks, 1)[self.target]
        return torch.cat(drawn, 1)

    def logits(self, row: Tensor) -> Tensor:
        """Return the logits (B, D) of rows: most of the mass on their values, the rest spread evenly."""
        return ((1 - SMOOTHING) * row + self.spread).log()
