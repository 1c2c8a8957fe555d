"""Networks of GANs of sequences: a generator of all steps at once, and a convolutional discriminator."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from gan_lightning.networks.straight_through import draw, gumbel
from gan_lightning.networks.table_gan import Residual


def latent_size(sample_shape: Sequence[int], noise_dim: int) -> int:
    """Return the size of a latent of the generator: noise, and a number for each value of each step."""
    return noise_dim + sample_shape[0] * sample_shape[1]


class Generator(nn.Module):
    """Maps latents (B, latent_size) to sequences (B, length, sum of blocks) of one-hot vectors, all steps at once.

    A perceptron computes the logits of all steps. Values are drawn as
    :func:`gan_lightning.networks.straight_through.draw` does.

    Args:
        blocks: number of values of each block.
        length: number of steps of a sequence.
        noise_dim: size of the noise for the perceptron.
        hidden_dim: width of the perceptron.
        layers: number of residual blocks.
        temperature: temperature of the softmax.
        randomness: factor of the Gumbel noise; 1 draws from the softmax, 0 takes the most likely values.
    """

    def __init__(
        self,
        blocks: Sequence[PositiveInt],
        length: PositiveInt,
        noise_dim: PositiveInt,
        hidden_dim: PositiveInt,
        layers: PositiveInt,
        temperature: PositiveFloat = 1.0,
        randomness: float = 1.0,
    ) -> None:
        super().__init__()
        self.blocks, self.length, self.noise_dim = list(blocks), length, noise_dim
        self.temperature, self.randomness = temperature, randomness
        self.layers = nn.Sequential(
            nn.Linear(noise_dim, hidden_dim),
            *(Residual(hidden_dim) for _ in range(layers)),
            nn.LayerNorm(hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, length * sum(blocks)),
        )

    def forward(self, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        noise, of_values = latent.split([self.noise_dim, latent.shape[1] - self.noise_dim], 1)
        logits = self.layers(noise).float() + self.randomness * gumbel(of_values)
        logits = logits.unflatten(1, (self.length, sum(self.blocks)))
        return torch.cat([draw(one, self.temperature) for one in logits.split(self.blocks, 2)], 2)


class Discriminator(nn.Module):
    """Maps sequences (B, length, D) to logits (B, 1): convolutions of several widths over embeddings of the steps.

    Each width looks for patterns of so many steps (Kim, 2014, arXiv:1408.5882); the largest and the mean response of
    each filter tell whether a pattern occurs and how often. A perceptron combines them.

    Args:
        sample_shape: shape of a sequence (length, D).
        embedding_dim: size of the embedding of a step.
        widths: widths of the convolutions, in steps.
        filters: number of filters of each width.
        hidden_dim: width of the perceptron.
        dropout: share of the responses that is set to 0 in training.
    """

    def __init__(
        self,
        sample_shape: Sequence[PositiveInt],
        embedding_dim: PositiveInt,
        widths: Sequence[PositiveInt],
        filters: PositiveInt,
        hidden_dim: PositiveInt,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding = nn.Linear(sample_shape[1], embedding_dim, bias=False)
        nn.init.normal_(self.embedding.weight, std=embedding_dim**-0.5)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(embedding_dim, filters, width, padding=width // 2) for width in widths
        )
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(2 * filters * len(widths), hidden_dim),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden_dim, hidden_dim),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden_dim, 1),
        )

    def forward(self, sample: Tensor, condition: Tensor | None = None) -> Tensor:
        embedded = self.embedding(sample).transpose(1, 2)
        found = [F.leaky_relu(one(embedded), 0.2) for one in self.convolutions]
        return self.head(torch.cat([part for one in found for part in (one.amax(2), one.mean(2))], 1))
