"""Generator of sequences by a recurrent network."""

from typing import Unpack

from pydantic import PositiveInt
from torch import Tensor, nn

from gan_lightning.networks.autoregressive import Autoregressive, AutoregressiveSettings, Dropout


class Generator(Autoregressive):
    """Generator whose memory of the steps before is the state of a recurrent network (GRU; Cho et al., 2014,
    arXiv:1406.1078).

    Args:
        embedding_dim: size of the embeddings of steps.
        hidden_dim: size of the state.
        layers: number of layers of the recurrent network.
        dropout: share of the embeddings, and of what layers say, that is set to 0 in training.
        settings: as for :class:`gan_lightning.networks.autoregressive.Autoregressive`.
    """

    def __init__(
        self,
        embedding_dim: PositiveInt,
        hidden_dim: PositiveInt,
        layers: PositiveInt = 1,
        dropout: Dropout = 0.0,
        **settings: Unpack[AutoregressiveSettings],
    ) -> None:
        super().__init__(embedding_dim=embedding_dim, hidden_dim=hidden_dim, dropout=dropout, **settings)
        self.memory = nn.GRU(embedding_dim, hidden_dim, layers, batch_first=True, dropout=dropout if layers > 1 else 0)

    def read_all(self, inputs: Tensor) -> Tensor:
        return self.memory(inputs)[0]

    def follow(self, one: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        hidden, state = self.memory(one[:, None], state)
        return hidden[:, 0], state
