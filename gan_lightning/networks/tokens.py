"""Parts of networks that draw one token after another: embeddings of steps, distributions and draws."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_lightning.errors import UserError


class TokenGenerator(nn.Module):
    """Generator of sequences that draws one value after another.

    ``temperature`` and ``nucleus`` are options of each draw, as of :func:`choose_values`.
    """

    def forward(
        self, latent: Tensor, condition: Tensor | None = None, *, temperature: float = 1.0, nucleus: float = 1.0
    ) -> Tensor:
        """Return sequences (B, length, sum of blocks)."""
        raise NotImplementedError


class Tempered(nn.Module):
    """Generator of tokens whose draws have a temperature and a nucleus.

    Args:
        generator: the generator.
        temperature, nucleus: as for :func:`choose_values`.
    """

    def __init__(self, generator: TokenGenerator, temperature: float, nucleus: float) -> None:
        super().__init__()
        self.generator, self.temperature, self.nucleus = generator, temperature, nucleus

    def forward(self, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.generator(latent, condition, temperature=self.temperature, nucleus=self.nucleus)


class StepEmbedding(nn.Module):
    """Maps the codes of steps (…, blocks) to vectors (…, dim), the sum of an embedding of each block."""

    def __init__(self, blocks: Sequence[int], dim: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Embedding(size, dim) for size in blocks)
        for one in self.blocks:
            nn.init.normal_(one.weight, std=dim**-0.5)  # type: ignore[arg-type]

    @property
    def weights(self) -> list[Tensor]:
        """Embeddings of the values of each block (values, dim)."""
        return [one.weight for one in self.blocks]  # type: ignore[misc]

    def forward(self, codes: Tensor) -> Tensor:
        embedded = [block(code) for block, code in zip(self.blocks, codes.unbind(-1), strict=True)]
        return torch.stack(embedded).sum(0) if len(embedded) > 1 else embedded[0]


class SoundEmbedding(StepEmbedding):
    """Embedding of tokens that adds an embedding of their sound, so that tokens that rhyme resemble each other.

    Args:
        blocks: number of tokens, of the only block.
        dim: size of a vector.
        sounds: largest number of sounds.

    Attributes:
        sound_of: the number of the sound of each token (tokens,), as of :meth:`gan_lightning.data.poems.Poems.sounds`;
            0 until ``learn_sounds``.

    Raises:
        ValueError: if there are several blocks.
    """

    sound_of: Tensor

    def __init__(self, blocks: Sequence[int], dim: int, sounds: int) -> None:
        super().__init__(blocks, dim)
        if len(blocks) > 1:
            raise ValueError(f"sounds={sounds}: tokens have sounds, and there are {len(blocks)} blocks: null")
        self.sounds = nn.Embedding(sounds, dim)
        nn.init.normal_(self.sounds.weight, std=dim**-0.5)
        self.register_buffer("sound_of", torch.zeros(blocks[0], dtype=torch.int64))

    def learn_sounds(self, sounds: Tensor) -> None:
        """Set the number of the sound of each token (tokens,).

        Raises:
            UserError: if there are too many sounds.
        """
        if (needed := int(sounds.max()) + 1) > len(self.sounds.weight):
            raise UserError(f"sounds={len(self.sounds.weight)}: the tokens have {needed} sounds: at least that many")
        self.sound_of.copy_(sounds)

    @property
    def weights(self) -> list[Tensor]:
        return [super().weights[0] + self.sounds(self.sound_of)]

    def forward(self, codes: Tensor) -> Tensor:
        return super().forward(codes) + self.sounds(self.sound_of[codes[..., 0]])


class StepHead(nn.Module):
    """Distribution of a step given a vector (n, hidden_dim): of one block after another, given those before.

    Logits of a block are products with the embeddings of its values (Press & Wolf, 2017, arXiv:1608.05859).

    ``before`` (n, blocks) are the values of the step before; see :class:`HoldingStepHead`.

    Args:
        embedding: embedding of the steps.
        hidden_dim: size of the vector.
        embedding_dim: size of the embeddings.
        order: indices of the blocks, the first to be drawn first.
        dropout: share of the hidden layer that is set to 0 in training.
    """

    def __init__(
        self, embedding: StepEmbedding, hidden_dim: int, embedding_dim: int, order: Sequence[int], dropout: float
    ) -> None:
        super().__init__()
        self.embedding, self.order = embedding, list(order)
        sizes = [len(weight) for weight in embedding.weights]
        self.earlier = nn.ModuleList(nn.Embedding(size, hidden_dim) for size in sizes)
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Linear(hidden_dim, hidden_dim), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden_dim, embedding_dim)
            )
            for _ in sizes
        )
        self.biases = nn.ParameterList(torch.zeros(size) for size in sizes)

    def logits(self, hidden: Tensor, block: int) -> Tensor:
        """Return the logits (n, values) of a block; ``hidden`` (n, hidden_dim) has the values of those before."""
        return F.linear(self.layers[block](hidden), self.embedding.weights[block], self.biases[block])

    def begin(self, hidden: Tensor, before: Tensor) -> Tensor:
        """Return ``hidden`` for the first block."""
        return hidden

    def add(self, hidden: Tensor, block: int, code: Tensor, before: Tensor) -> Tensor:
        """Return ``hidden`` with the value (n,) of a block, for the blocks that follow."""
        return hidden + self.earlier[block](code) if block != self.order[-1] else hidden

    def log_probabilities(self, hidden: Tensor, codes: Tensor, before: Tensor) -> Tensor:
        """Return the log-probability (n, blocks) of each value of steps (n, blocks), given the blocks before."""
        hidden = self.begin(hidden, before)
        found = dict.fromkeys(self.order, hidden)
        for block in self.order:
            logits, code = self.logits(hidden, block), codes[:, block]
            found[block] = -F.cross_entropy(logits.float(), code, reduction="none")
            hidden = self.add(hidden, block, code, before)
        return torch.stack([found[block] for block in range(len(self.order))], 1)

    def draw(
        self,
        hidden: Tensor,
        latent: Tensor,
        temperature: float,
        nucleus: float,
        given: dict[int, Tensor],
        before: Tensor,
    ) -> Tensor:
        """Return steps (n, blocks) that latents (n, blocks) in [0, 1) choose; some blocks may be ``given``."""
        codes = torch.zeros(latent.shape, dtype=torch.int64, device=latent.device)
        hidden = self.begin(hidden, before)
        for block in self.order:
            code = given.get(block)
            if code is None:
                code = choose_values(self.logits(hidden, block), latent[:, block], temperature, nucleus)
            codes[:, block] = code
            hidden = self.add(hidden, block, code, before)
        return codes


class HoldingStepHead(StepHead):
    """Distribution of a step whose blocks can hold the value of the step before, as where a note sounds on.

    It knows the values of the step before, and the held values of the blocks that are drawn.

    Args:
        hold: value of a block that stands for its value in the step before.
        embedding, hidden_dim, embedding_dim, order, dropout: as for :class:`StepHead`.
    """

    def __init__(
        self,
        hold: int,
        embedding: StepEmbedding,
        hidden_dim: int,
        embedding_dim: int,
        order: Sequence[int],
        dropout: float,
    ) -> None:
        super().__init__(embedding, hidden_dim, embedding_dim, order, dropout)
        self.hold = hold
        sizes = [len(weight) for weight in embedding.weights]
        self.before = StepEmbedding(sizes, hidden_dim)
        self.sounding = nn.ModuleList(nn.Embedding(size, hidden_dim) for size in sizes)

    def begin(self, hidden: Tensor, before: Tensor) -> Tensor:
        return hidden + self.before(before)

    def add(self, hidden: Tensor, block: int, code: Tensor, before: Tensor) -> Tensor:
        sounding = torch.where(code == self.hold, before[:, block], code)
        return super().add(hidden + self.sounding[block](sounding), block, code, before)


def choose_values(logits: Tensor, latent: Tensor, temperature: float = 1.0, nucleus: float = 1.0) -> Tensor:
    """Return the values (n,) that latents (n,) in [0, 1) choose by the inverse of the cumulative distribution.

    Args:
        logits: logits of the values (n, values).
        latent: uniform numbers (n,).
        temperature: the logits are divided by it; below 1, likely values become more likely.
        nucleus: only the most likely values are drawn whose probabilities reach this sum together (Holtzman et al.,
            2020, arXiv:1904.09751); 1 for all values.
    """
    probabilities = F.softmax(logits.float() / temperature, 1)
    if nucleus < 1:
        ranked, order = probabilities.sort(dim=1, descending=True, stable=True)
        ranked = ranked * (ranked.cumsum(1) - ranked < nucleus)
        probabilities = torch.zeros_like(ranked).scatter_(1, order, ranked)
    sums = probabilities.cumsum(1, dtype=torch.float64)
    places = latent.double() * sums[:, -1]
    return torch.searchsorted(sums, places[:, None], right=True)[:, 0].clamp(max=logits.shape[1] - 1)
