"""Sequences of a random language model, whose probabilities are known: the synthetic benchmark of GANs of text."""

from typing import Unpack

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn

from gan_lightning.data.datamodule import Examples
from gan_lightning.data.texts import Lines, TextData, TextSettings
from gan_lightning.modalities.text import RESERVED
from gan_lightning.modalities.tokenizers import Words
from gan_lightning.system.randomness import derived_seed

SEQUENCES = 0  # the stream of ``oracle_seed`` that sequences are drawn from
AT_ONCE = 128  # distributions that are computed at once, so that they stay in the processor's cache


class RandomLSTM(nn.Module):
    """Language model whose weights and biases are drawn from N(0, 1): an LSTM (Hochreiter & Schmidhuber, 1997,
    https://doi.org/10.1162/neco.1997.9.8.1735) and a linear layer.

    The first input is the embedding of token 0. The weights are float64, so that other hardware draws the same tokens.

    Args:
        tokens: number of tokens.
        embedding_dim: size of the embeddings of tokens.
        hidden_dim: size of the state of the LSTM.
        seed: seed of the weights.
    """

    def __init__(self, tokens: int, embedding_dim: int, hidden_dim: int, seed: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, embedding_dim, dtype=torch.float64)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim, batch_first=True, dtype=torch.float64)
        self.head = nn.Linear(hidden_dim, tokens, dtype=torch.float64)
        generator = torch.Generator().manual_seed(seed)
        for weights in self.parameters():
            nn.init.normal_(weights, generator=generator)
        nn.init.zeros_(self.lstm.get_parameter("bias_hh_l0"))  # torch adds two biases
        self.requires_grad_(False)

    def draw(self, n: int, length: int, seed: int) -> Tensor:
        """Return n sequences of tokens (n, length) int64."""
        latent = torch.rand(n, length, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        return torch.cat([self._choose(part) for part in latent.split(AT_ONCE)])

    def _choose(self, latent: Tensor) -> Tensor:
        """Return the tokens (n, length) that latents (n, length) in [0, 1) choose by the inverse of the cumulative
        distribution."""
        token, state, chosen = torch.zeros(len(latent), dtype=torch.int64), None, []
        for place in latent.split(1, 1):
            hidden, state = self.lstm(self.embedding(token)[:, None], state)
            cumulative = self.head(hidden[:, 0]).softmax(-1).cumsum(-1)
            found = torch.searchsorted(cumulative, place * cumulative[:, -1:], right=True)
            token = found[:, 0].clamp(max=cumulative.shape[1] - 1)
            chosen.append(token)
        return torch.stack(chosen, 1)

    def log_probabilities(self, tokens: Tensor) -> Tensor:
        """Return the log-probability of each token of sequences (n, length), given those before it, in nats."""
        before = torch.cat([torch.zeros_like(tokens[:, :1]), tokens[:, :-1]], 1)
        hidden = self.lstm(self.embedding(before))[0].flatten(0, 1)
        parts = zip(hidden.split(AT_ONCE), tokens.reshape(-1, 1).split(AT_ONCE), strict=True)
        found = [self.head(states).log_softmax(-1).gather(1, chosen) for states, chosen in parts]
        return torch.cat(found).view_as(tokens)


class Oracle(TextData):
    """Sequences of the tokens w0, w1, …, which a random LSTM draws (Yu et al., 2017, arXiv:1609.05473).

    The probability of any sequence is known. All sequences have ``length`` tokens, so none has an end.

    Args:
        sequences: number of training sequences.
        test_sequences: number of test sequences.
        embedding_dim: size of the embeddings of the LSTM.
        hidden_dim: size of the state of the LSTM.
        oracle_seed: seed of the weights of the LSTM and of all sequences, independent of the seed of a run.
        settings: see :class:`TextData`; ``tokenizer`` is :class:`Words`.

    Attributes:
        oracle: the random LSTM. Its token i is token i + ``RESERVED`` of the modality.
    """

    licence = "CC0-1.0"

    def __init__(
        self,
        sequences: PositiveInt,
        test_sequences: PositiveInt,
        embedding_dim: PositiveInt,
        hidden_dim: PositiveInt,
        oracle_seed: NonNegativeInt,
        **settings: Unpack[TextSettings],
    ) -> None:
        super().__init__(Words(), **settings)
        self.sequences, self.test_sequences, self.oracle_seed = sequences, test_sequences, oracle_seed
        self.tokens = [f"w{i}" for i in range(settings["vocabulary"] - RESERVED)]
        self.oracle = RandomLSTM(len(self.tokens), embedding_dim, hidden_dim, oracle_seed)

    def read(self) -> Lines:
        seed = derived_seed(self.oracle_seed, SEQUENCES)
        drawn = self.oracle.draw(self.sequences + self.test_sequences, self.modality.length, seed)
        lines = [" ".join(self.tokens[i] for i in row) for row in drawn.tolist()]
        return Lines(lines[: self.sequences], lines[self.sequences :])

    def load(self) -> Examples:
        self.modality.load_state({"tokens": self.tokens})  # those that no training sequence has, too
        return Examples(self.modality.from_lines(self._lines.training))
