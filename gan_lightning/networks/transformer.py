"""Generator of sequences by a transformer."""

from typing import Unpack

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from gan_lightning.networks.autoregressive import Autoregressive, AutoregressiveSettings, Dropout


class Generator(Autoregressive):
    """Generator that compares each step with all steps before it, by attention (Vaswani et al., 2017,
    arXiv:1706.03762).

    Args:
        embedding_dim: size of the embeddings and of all hidden layers.
        heads: number of heads of the attention, which divides ``embedding_dim``.
        layers: number of layers.
        dropout: share of the embeddings and of the hidden layers that is set to 0 in training.
        settings: as for :class:`gan_lightning.networks.autoregressive.Autoregressive`.

    Raises:
        ValueError: if ``heads`` does not divide ``embedding_dim``.
    """

    def __init__(
        self,
        embedding_dim: PositiveInt,
        heads: PositiveInt,
        layers: PositiveInt,
        dropout: Dropout = 0.0,
        **settings: Unpack[AutoregressiveSettings],
    ) -> None:
        if embedding_dim % heads:
            raise ValueError(f"heads={heads}: does not divide embedding_dim={embedding_dim}")
        super().__init__(embedding_dim=embedding_dim, hidden_dim=embedding_dim, dropout=dropout, **settings)
        self.positions = nn.Parameter(torch.randn(self.length, embedding_dim) * embedding_dim**-0.5)
        layer = nn.TransformerEncoderLayer(
            embedding_dim, heads, 4 * embedding_dim, dropout, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, layers, nn.LayerNorm(embedding_dim), enable_nested_tensor=False)

    def read_all(self, inputs: Tensor) -> Tensor:
        steps = inputs.shape[1]
        future = torch.ones(steps, steps, dtype=torch.bool, device=inputs.device).triu(1)
        return self.layers(inputs + self.positions[:steps], mask=future, is_causal=True)

    def follow(self, one: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        inputs = one[:, None] if state is None else torch.cat([state, one[:, None]], 1)
        return self.read_all(inputs)[:, -1], inputs
