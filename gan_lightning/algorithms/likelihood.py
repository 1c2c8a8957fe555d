"""Training by maximum likelihood, for generators of sequences that know the probability of what they make."""

from collections.abc import Callable
from typing import Protocol, Unpack, cast, runtime_checkable

import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lightning.algorithms.model import GenerativeModel, ModelSettings
from gan_lightning.algorithms.priors import Prior
from gan_lightning.data.datamodule import Batch
from gan_lightning.errors import UserError
from gan_lightning.networks.tokens import SoundEmbedding


class Likelihood(Protocol):
    """Generator that knows the probability of the values it draws."""

    def token_losses(self, sample: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the negative log-probability of each value that the generator draws for samples, in nats (values,)."""


@runtime_checkable
class HasSounds(Protocol):
    """Data whose tokens have sounds."""

    def sounds(self) -> Tensor:
        """Return the number of the sound of each token (tokens,); 0 for none."""


class MaximumLikelihood(GenerativeModel):
    """Generator that is trained to make the training data as probable as possible, a baseline that is not a GAN.

    The loss is the mean negative log-likelihood of a value: of a token of text, or of a voice in a step of music. It is
    computed from the real values before it (teacher forcing).

    Args:
        generator: a generator with the methods of :class:`Likelihood`.
        prior: n -> latents (n, *shape).
        optimizer: parameters -> optimizer.
        gradient_norm: largest norm of the gradient; a longer one is scaled down.
        settings: see :class:`GenerativeModel`.

    Raises:
        ValueError: if the generator does not know probabilities.
        UserError: at the start of training, if the generator needs the sounds of tokens, and the data have none.
    """

    def __init__(
        self,
        generator: nn.Module,
        prior: Prior,
        optimizer: Callable[..., Optimizer],
        gradient_norm: float = 1.0,
        **settings: Unpack[ModelSettings],
    ) -> None:
        super().__init__(generator, prior, **settings)
        if not hasattr(generator, "token_losses"):
            raise ValueError(
                f"generator {type(generator).__name__}: must define token_losses, to be trained by its likelihood"
            )
        self.optimizer = optimizer
        self.gradient_norm = gradient_norm

    def setup(self, stage: str) -> None:
        super().setup(stage)
        if embeddings := [module for module in self.modules() if isinstance(module, SoundEmbedding)]:
            sounds = self._sounds()
            for embedding in embeddings:
                embedding.learn_sounds(sounds)

    def _sounds(self) -> Tensor:
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if not isinstance(data, HasSounds):
            raise UserError(f"sounds: the tokens of {type(data).__name__} have none: set the generator's sounds=null")
        return data.sounds()

    def update(self, batch: Batch) -> dict[str, Tensor]:
        return self.follow_likelihood(batch, self.optimizers())  # type: ignore[arg-type]

    def follow_likelihood(self, batch: Batch, optimizer: LightningOptimizer) -> dict[str, Tensor]:
        """Take one step of the optimizer down the gradient of the mean loss, and return the scalars to log."""
        loss = self.losses(batch).mean()
        self.manual_backward(loss)
        torch.nn.utils.clip_grad_norm_(self.generator.parameters(), self.gradient_norm)
        optimizer.step()
        optimizer.zero_grad()
        return {"loss/negative_log_likelihood": loss.detach()}

    def losses(self, batch: Batch) -> Tensor:
        """Return the negative log-probability of each value of a batch, in nats (values,)."""
        assert isinstance(batch.real, Tensor)
        assert batch.condition is None or isinstance(batch.condition, Tensor)
        return cast(Likelihood, self.generator).token_losses(batch.real, batch.condition)

    def run_networks(self, batch: Batch) -> list[Tensor]:
        return [self.losses(batch)]

    def make_optimizers(self) -> list[Optimizer]:
        return [self.optimizer(self.generator.parameters())]
