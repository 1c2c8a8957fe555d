"""The base of generators that predict each step of a sequence from all steps before it."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Required

import torch
import torch.nn.functional as F
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor, nn
from typing_extensions import TypedDict  # before Python 3.12, pydantic does not take typing's

from gan_lightning.modalities.sequence import codes_of, held_values, one_hot
from gan_lightning.networks.tokens import HoldingStepHead, SoundEmbedding, StepEmbedding, StepHead, TokenGenerator

Dropout = Annotated[float, Field(ge=0, lt=1)]


class AutoregressiveSettings(TypedDict, total=False):
    """Settings that all generators of sequences step by step take; see :class:`Autoregressive`."""

    blocks: Required[Sequence[PositiveInt]]
    length: Required[PositiveInt]
    period: PositiveInt | None
    end: NonNegativeInt | None
    hold: NonNegativeInt | None
    lags: Sequence[PositiveInt]
    sounds: PositiveInt | None
    order: Sequence[NonNegativeInt] | None
    given: NonNegativeInt | None


class Autoregressive(TokenGenerator):
    """Maps latents (B, length, blocks) in [0, 1) to sequences (B, length, sum of blocks) of one-hot vectors.

    A network reads the steps before, and predicts the next one: its blocks in turn, each given those before it. Latents
    choose the values by the inverse of the cumulative distribution.

    With a condition (B, length, values), the block ``given`` has the values of the condition. A recurrent network of
    both directions reads the condition first, so each step depends on all of it.

    Args:
        blocks: number of values of each block.
        length: number of steps of a sequence.
        embedding_dim: size of the embeddings of steps; even for a conditional model.
        hidden_dim: size of what the network says about the steps before.
        dropout: share of the embeddings and of the hidden layers that is set to 0 in training.
        period: number of steps in a bar or in a verse, whose places the network knows; None for no place.
        end: value of the only block that ends a sequence and fills the rest of it; None if sequences do not end.
        hold: value of a block that stands for its value in the step before, as where a note sounds on; the network then
            sees the value that it stands for, too. None if there is no such value.
        lags: the network also sees the steps that are so many steps before the one that it predicts, as in the verses
            before, whose rhyme a verse takes up.
        sounds: largest number of sounds of tokens, by which they rhyme; None for data whose tokens have no sounds.
        order: indices of the blocks, in the order in which they are drawn; None for the order of the blocks.
        given: index of the block that the condition gives; None for an unconditional model.

    Raises:
        ValueError: if ``end``, ``hold``, ``order`` or ``given`` does not fit the blocks, or if ``embedding_dim`` is odd
            although there is a condition.
    """

    def __init__(
        self,
        blocks: Sequence[PositiveInt],
        length: PositiveInt,
        embedding_dim: PositiveInt,
        hidden_dim: PositiveInt,
        dropout: Dropout = 0.0,
        period: PositiveInt | None = None,
        end: NonNegativeInt | None = None,
        hold: NonNegativeInt | None = None,
        lags: Sequence[PositiveInt] = (),
        sounds: PositiveInt | None = None,
        order: Sequence[NonNegativeInt] | None = None,
        given: NonNegativeInt | None = None,
    ) -> None:
        super().__init__()
        self.blocks, self.length, self.end, self.hold, self.given = list(blocks), length, end, hold, given
        order = list(range(len(blocks)) if order is None else order)
        if sorted(order) != list(range(len(blocks))):
            raise ValueError(f"order={order}: must name each of the {len(blocks)} blocks once, counted from 0")
        if given is not None and order[0] != given:
            raise ValueError(f"given={given}: must be the first block in order={order}")
        if end is not None and (len(blocks) > 1 or end >= blocks[0]):
            raise ValueError(f"end={end}: must be a value of the only block, blocks={list(blocks)}")
        if hold is not None and hold >= min(blocks):
            raise ValueError(f"hold={hold}: must be a value of every block, blocks={list(blocks)}")
        if given is not None and embedding_dim % 2:
            raise ValueError(f"embedding_dim={embedding_dim}: must be even, for a conditional model")
        if sounds is None:
            self.embedding = StepEmbedding(blocks, embedding_dim)
        else:
            self.embedding = SoundEmbedding(blocks, embedding_dim, sounds)
        self.first = nn.Parameter(torch.zeros(embedding_dim))  # what stands before the first step
        self.places = None if period is None else nn.Embedding(period, embedding_dim)
        self.lags = nn.ModuleDict({str(lag): nn.Linear(embedding_dim, embedding_dim, bias=False) for lag in lags})
        if given is not None:
            self.condition_embedding = nn.Embedding(blocks[given], embedding_dim)
            self.reader = nn.GRU(embedding_dim, embedding_dim // 2, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        if hold is None:
            self.head = StepHead(self.embedding, hidden_dim, embedding_dim, order, dropout)
        else:
            self.sounding = StepEmbedding(blocks, embedding_dim)
            self.head = HoldingStepHead(hold, self.embedding, hidden_dim, embedding_dim, order, dropout)

    def forward(
        self,
        latent: Tensor,
        condition: Tensor | None = None,
        *,
        temperature: float = 1.0,
        nucleus: float = 1.0,
    ) -> Tensor:
        read, given = self._read(condition), self._given(condition)
        state: Tensor | None = None
        sounding = torch.full((len(latent), len(self.blocks)), self.hold or 0, device=latent.device)
        ended = torch.zeros(len(latent), dtype=torch.bool, device=latent.device)
        chosen, embedded = [], [self.first.expand(len(latent), -1)]
        for i in range(self.length):
            place = embedded[-1] + self._place(i) + (0 if read is None else read[:, i])
            for lag, layer in self.lags.items():
                place = place + layer(embedded[i - int(lag) + 1]) if i >= int(lag) else place
            hidden, state = self.follow(place, state)
            known = {block: values[:, i] for block, values in given.items()}
            step = self.head.draw(hidden, latent[:, i], temperature, nucleus, known, sounding)
            if self.end is not None:
                step[ended] = self.end
                ended = ended | (step[:, 0] == self.end)
            chosen.append(step)
            sounding = step if self.hold is None else torch.where(step == self.hold, sounding, step)
            embedded.append(self._embed(step, sounding))
        return one_hot(torch.stack(chosen, 1), self.blocks)

    def token_losses(self, sample: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the negative log-probability of each value that the network predicts, in nats (values,).

        Values after the end and values of the given block are not predicted.
        """
        _, found = self._log_probabilities(sample, condition)
        return -found.flatten()

    def log_probability(self, sample: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the log-probability of each sequence (n, length, sum of blocks), in nats (n,)."""
        rows, found = self._log_probabilities(sample, condition)
        return found.new_zeros(len(sample)).index_add_(0, rows, found.sum(1))

    def _log_probabilities(self, sample: Tensor, condition: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the row of each predicted step (steps,), and the log-probabilities of its predicted blocks."""
        codes = codes_of(sample, self.blocks)
        rows, places = self._until_end(codes).nonzero(as_tuple=True)
        length = int(places.max()) + 1  # later steps are not needed
        hidden = self.hidden(codes[:, :length], condition)[rows, places]
        before = F.pad(self._sounding(codes), (0, 0, 1, 0), value=self.hold or 0)[rows, places]
        found = self.head.log_probabilities(hidden, codes[rows, places], before)
        predicted = [block for block in range(len(self.blocks)) if block != self.given]
        return rows, found[:, predicted]

    def hidden(self, codes: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the state (B, steps, hidden_dim) before each step of sequences (B, steps, blocks)."""
        steps, read = codes.shape[1], self._read(condition)
        embedded = self._embed(codes, self._sounding(codes))
        before = torch.cat([self.first.expand(len(codes), 1, -1), embedded[:, :-1]], 1)
        before = before + torch.stack([self._place(i) for i in range(steps)])
        for lag, layer in self.lags.items():
            before = before + F.pad(layer(embedded), (0, 0, int(lag), 0))[:, :steps]
        if read is not None:
            before = before + read[:, :steps]
        return self.read_all(self.dropout(before))

    @abstractmethod
    def read_all(self, inputs: Tensor) -> Tensor:
        """Return what the network says (B, steps, hidden_dim) after the inputs (B, steps, dim) up to each step."""

    @abstractmethod
    def follow(self, one: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return what the network says (B, hidden_dim) after one more input (B, dim), and its new state.

        Args:
            one: the input of the step.
            state: the state after the step before; None at the first step.
        """

    def _sounding(self, codes: Tensor) -> Tensor:
        """Return the values (B, steps, blocks) that codes stand for."""
        return codes if self.hold is None else held_values(codes, self.hold)

    def _embed(self, codes: Tensor, sounding: Tensor) -> Tensor:
        """Return the embeddings (…, dim) of steps (…, blocks), and of the values (…, blocks) that they stand for."""
        embedded = self.embedding(codes)
        return embedded if self.hold is None else embedded + self.sounding(sounding)

    def _until_end(self, codes: Tensor) -> Tensor:
        """Return which steps (B, length) belong to the sequences, the one that ends them included."""
        ends = (codes[..., 0] == self.end).long() if self.end is not None else torch.zeros_like(codes[..., 0])
        return ends.cumsum(1) == ends

    def _place(self, i: int) -> Tensor:
        return torch.zeros_like(self.first) if self.places is None else self.places.weight[i % len(self.places.weight)]

    def _given(self, condition: Tensor | None) -> dict[int, Tensor]:
        return {} if condition is None or self.given is None else {self.given: condition.argmax(-1)}

    def _read(self, condition: Tensor | None) -> Tensor | None:
        """Return what the network has read of the condition, for each step (B, length, embedding_dim)."""
        if self.given is None:
            return None
        assert condition is not None
        return self.reader(self.condition_embedding(condition.argmax(-1)))[0]
