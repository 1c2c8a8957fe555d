"""Models that count the training examples once, the baselines of tables, text and music."""

from typing import Protocol, cast, runtime_checkable

from pydantic import NonNegativeInt
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.algorithms.priors import Prior
from gan_lightning.data.datamodule import Batch
from gan_lightning.errors import UserError


@runtime_checkable
class Counter(Protocol):
    """Generator that counts samples instead of following a gradient."""

    def count(self, sample: Tensor) -> None:
        """Add samples (n, …) to the counts."""

    def log_probability(self, sample: Tensor) -> Tensor:
        """Return the log-probability of each sample (n, …), in nats (n,)."""


class Counting(GenerativeModel):
    """Generator that counts each training sample once: the run stops by itself after one epoch.

    There is no optimizer, no gradient and no averaged generator. The loss of an iteration is the mean negative
    log-likelihood of the batch, in nats a sample, by the counts before the batch is added. It is therefore a loss on
    samples that the model has not seen.

    Args:
        generator: a generator with the methods of :class:`Counter`.
        prior: n -> latents (n, *shape).
        seed: seed of the run, as for :class:`GenerativeModel`.
    """

    def __init__(self, generator: nn.Module, prior: Prior, seed: NonNegativeInt = 0) -> None:
        super().__init__(generator, prior, seed=seed)
        for name in ("count", "log_probability"):
            if not hasattr(generator, name):
                raise ValueError(f"generator {type(generator).__name__}: must define {name}, to be trained by counting")

    def setup(self, stage: str) -> None:
        if self.trainer.world_size > 1:
            raise UserError(
                f"trainer.devices={self.trainer.world_size}: {type(self).__name__} counts the rows in one process, "
                "so that each is counted once: trainer=default"
            )

    def on_train_start(self) -> None:
        super().on_train_start()
        if self.iteration >= self.trainer.num_training_batches:  # of a run that is resumed
            self.trainer.should_stop = True

    def on_train_epoch_end(self) -> None:
        self.trainer.should_stop = True

    def update(self, batch: Batch) -> dict[str, Tensor]:
        counter = cast(Counter, self.generator)
        assert isinstance(batch.real, Tensor)
        loss = -counter.log_probability(batch.real).mean()
        counter.count(batch.real)
        return {"loss/negative_log_likelihood": loss}

    def make_optimizers(self) -> list[Optimizer]:
        return []
