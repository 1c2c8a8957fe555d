"""Networks of GANs on codes of sequences: an encoder, a decoder, and a generator of codes that the decoder reads."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Unpack

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor, nn

from gan_lightning.modalities.sequence import codes_of
from gan_lightning.networks import recurrent
from gan_lightning.networks.autoregressive import AutoregressiveSettings, Dropout
from gan_lightning.networks.tokens import StepEmbedding

GREEDY = 1e-6  # a nucleus that holds the most likely value alone


class Encoder(nn.Module):
    """Maps sequences (B, length, sum of blocks) to codes (B, code_dim) of norm 1, by a recurrent network.

    Args:
        blocks: number of values of each block.
        embedding_dim: size of the embeddings of steps.
        hidden_dim: size of the state in each direction.
        code_dim: size of a code.
    """

    def __init__(
        self,
        blocks: Sequence[PositiveInt],
        embedding_dim: PositiveInt,
        hidden_dim: PositiveInt,
        code_dim: PositiveInt,
    ) -> None:
        super().__init__()
        self.blocks = list(blocks)
        self.embedding = StepEmbedding(blocks, embedding_dim)
        self.reader = nn.GRU(embedding_dim, hidden_dim, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden_dim, code_dim)

    def forward(self, sample: Tensor) -> Tensor:
        _, last = self.reader(self.embedding(codes_of(sample, self.blocks)))
        return F.normalize(self.head(torch.cat([*last], 1)), dim=1)


class Decoder(recurrent.Generator):
    """Maps latents (B, length, blocks) and codes (B, code_dim) to sequences (B, length, sum of blocks).

    Args:
        code_dim: size of a code.
        embedding_dim, hidden_dim, dropout, settings: as for :class:`gan_lightning.networks.recurrent.Generator`,
            unconditional.
    """

    def __init__(
        self,
        code_dim: PositiveInt,
        embedding_dim: PositiveInt,
        hidden_dim: PositiveInt,
        dropout: Dropout = 0.0,
        **settings: Unpack[AutoregressiveSettings],
    ) -> None:
        super().__init__(embedding_dim, hidden_dim, 1, dropout, **settings)
        self.of_code = nn.Linear(code_dim, embedding_dim)

    def _read(self, condition: Tensor | None) -> Tensor:
        assert condition is not None, "a decoder needs a code"
        return self.of_code(condition * condition.shape[1] ** 0.5)[:, None].expand(-1, self.length, -1)


class Generator(nn.Module):
    """Maps latents (B, noise_dim) to sequences (B, length, sum of blocks): a perceptron makes codes, which are decoded.

    Args:
        decoder: (latent, code) -> sequence.
        noise_dim: size of a latent.
        hidden_dims: widths of the perceptron.
        code_dim: size of a code.
    """

    def __init__(
        self, decoder: Decoder, noise_dim: PositiveInt, hidden_dims: Sequence[PositiveInt], code_dim: PositiveInt
    ) -> None:
        super().__init__()
        self.decoder = decoder
        hidden = [layer for sizes in pairwise([noise_dim, *hidden_dims]) for layer in (nn.Linear(*sizes), nn.ReLU())]
        self.layers = nn.Sequential(*hidden, nn.Linear(hidden_dims[-1], code_dim))

    def codes(self, latent: Tensor) -> Tensor:
        """Return the codes (B, code_dim) of norm 1 of latents (B, noise_dim)."""
        return F.normalize(self.layers(latent), dim=1)

    def forward(self, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        places = latent.new_zeros(len(latent), self.decoder.length, len(self.decoder.blocks))
        return self.decoder(places, self.codes(latent), nucleus=GREEDY)
