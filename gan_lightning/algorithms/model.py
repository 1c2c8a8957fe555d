"""What callbacks and commands know of a model, whatever algorithm trains it."""

import copy
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

import lightning.pytorch as L
import torch
from pydantic import Field
from torch import Tensor, nn

from gan_lightning.algorithms.averaging import Averaging
from gan_lightning.system.cuda_graph import CapturedUpdate, make_capturable
from gan_lightning.system.distributed import means
from gan_lightning.system.randomness import ITERATION, derived_seed, seed_device

MAX_FORWARD = 1024  # samples the generator makes at once outside training

Decay = Annotated[float, Field(ge=0, lt=1)]
Weights = Literal["ema", "raw"]
Batch = tuple[Tensor, Tensor]  # samples and conditions
MatmulPrecision = Literal["highest", "high", "medium"]


class GenerativeModel(L.LightningModule):
    """A generator that is trained by some algorithm: the surface that callbacks and commands touch.

    A subclass says in ``update`` what one iteration does.

    Args:
        generator: (latent, condition) -> sample.
        latent_dim: length of the latent vector z.
        prior: (n, latent_dim, device=, generator=) -> latents (n, latent_dim).
        num_classes: of the labels that the generator is given; None for none.
        ema_decay: of the averaged generator, which is then what is sampled from; None for none.
        seed: all randomness of iteration i comes from (seed, i, rank).
        matmul_precision: of matrix products of float32 in ``update``, as for ``torch.set_float32_matmul_precision``:
            ``medium`` computes them in bfloat16 and sums in float32, where the processor or the GPU can.
        cuda_graph: whether to replay ``update`` from a CUDA graph.

    Attributes:
        iteration: generator updates so far, over all epochs and resumptions.
        rollbacks: how often the run went back to a checkpoint, and on with other noise.
        batches_per_iteration: how many batches of the data one ``training_step`` takes, as one.
    """

    batches_per_iteration = 1
    on_before_backward = on_after_backward = on_before_optimizer_step = None  # type: ignore[assignment]  # see Watcher

    def __init__(
        self,
        generator: nn.Module,
        latent_dim: int,
        prior: Callable[..., Tensor],
        num_classes: int | None,
        ema_decay: float | None,
        seed: int,
        matmul_precision: MatmulPrecision,
        cuda_graph: bool,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False  # ``update`` calls its optimizers itself
        self.generator = generator
        self.ema = None if ema_decay is None else copy.deepcopy(generator).eval().requires_grad_(False)
        self.ema_decay = ema_decay
        self.latent_dim = latent_dim
        self.prior = prior
        self.num_classes = num_classes
        self.seed = seed
        self.matmul_precision = matmul_precision
        self.cuda_graph = cuda_graph
        self._averaging: Averaging | None = None
        self._replayed = CapturedUpdate(self.update) if cuda_graph else None
        self.iteration = 0
        self.rollbacks = 0

    @property
    def weights(self) -> list[Weights]:
        """Which generators there are to sample from, the preferred one first."""
        return ["raw"] if self.ema is None else ["ema", "raw"]

    @abstractmethod
    def update(self, batch: Batch) -> dict[str, Tensor]:
        """One iteration of the algorithm; returns the scalars to log."""

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        with matmuls(self.matmul_precision):
            figures = means(self._replayed(batch) if self._replayed else self.update(batch))
        if self._averaging is not None:
            self._averaging.update(self.iteration)
        self.iteration += 1
        return figures

    def on_train_start(self) -> None:
        if self.ema is not None and self.ema_decay is not None:
            self._averaging = Averaging(self.ema, self.generator, self.ema_decay)
        if self.cuda_graph:
            for optimizer in self.trainer.optimizers:
                make_capturable(optimizer, self.device)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        rollbacks = [self.rollbacks] if self.rollbacks else []
        seed_device(self.device, derived_seed(self.seed, ITERATION, self.iteration, self.global_rank, *rollbacks))

    def sample_latent(self, n: int, seed: int) -> Tensor:
        """Latents (n, latent_dim), drawn on the CPU so that a seed means the same on every device."""
        generator = torch.Generator().manual_seed(seed)
        return self.prior(n, self.latent_dim, generator=generator).to(self.device)

    def sample_labels(self, n: int, seed: int) -> Tensor | None:
        """Labels (n,), all equally likely; None for a model without."""
        if self.num_classes is None:
            return None
        return torch.randint(self.num_classes, (n,), generator=torch.Generator().manual_seed(seed))

    @torch.no_grad()
    def sample(
        self,
        n: int,
        condition: Tensor | None = None,
        *,
        seed: int = 0,
        latent: Tensor | None = None,
        weights: Weights | None = None,
        **options: Any,
    ) -> Tensor:
        """n samples (n, *sample_shape) in evaluation mode.

        Args:
            n: how many.
            condition: one a sample, on any device; None for random labels where the model wants some.
            seed: of the latents, and of random labels.
            latent: (n, latent_dim), in place of what the seed gives.
            weights: of the averaged generator or of the one that is trained; None for the first of ``weights``.
            options: keyword arguments of the generator's ``forward``.
        """
        latent = self.sample_latent(n, seed) if latent is None else latent.to(self.device)
        condition = self.sample_labels(n, seed) if condition is None else condition
        generator = self.ema if self.ema is not None and weights != "raw" else self.generator
        training = generator.training
        generator.eval()
        samples = []
        for start in range(0, n, MAX_FORWARD):
            part = slice(start, start + MAX_FORWARD)
            part_condition = None if condition is None else condition[part].to(self.device)
            samples.append(generator(latent[part], part_condition, **options))
        generator.train(training)
        return torch.cat(samples)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["iteration"] = self.iteration
        checkpoint["rollbacks"] = self.rollbacks

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.iteration = checkpoint["iteration"]
        self.rollbacks = max(self.rollbacks, checkpoint.get("rollbacks", 0))


@contextmanager
def matmuls(precision: MatmulPrecision) -> Iterator[None]:
    """The precision of float32 matrix products, for a while: metrics and samples have all of it."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
