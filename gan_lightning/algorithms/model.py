"""Defines the surface of a model that callbacks and commands use, whatever algorithm trains it."""

import copy
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Literal, TypedDict

import lightning.pytorch as L
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from pydantic import Field
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lightning.algorithms.averaging import Averaging
from gan_lightning.algorithms.priors import Prior
from gan_lightning.algorithms.schedules import Schedule
from gan_lightning.data.datamodule import Batch
from gan_lightning.modalities.samples import Sample, Shape, cat, each, leaves, shape, size, take
from gan_lightning.system.cuda_graph import CapturedUpdate, make_capturable
from gan_lightning.system.distributed import means_over_processes
from gan_lightning.system.randomness import ITERATION, derived_seed, seed_device

MAX_FORWARD = 1024  # samples the generator makes at once outside training
TRIED = 2  # samples that are made before training, to see whether all parts fit

Decay = Annotated[float, Field(ge=0, lt=1)]
Weights = Literal["ema", "raw"]
MatmulPrecision = Literal["highest", "high", "medium"]


class ModelSettings(TypedDict, total=False):
    """Settings that every model takes, whatever trains it; see :class:`GenerativeModel`."""

    learning_rate_schedule: Schedule | None
    ema_decay: Decay | None
    seed: int
    matmul_precision: MatmulPrecision
    cuda_graph: bool


class GenerativeModel(L.LightningModule):
    """A generator that is trained by some algorithm: the surface that callbacks and commands touch.

    A subclass says in ``update`` what one iteration does, and in ``make_optimizers`` with which optimizers.

    Args:
        generator: (latent, condition) -> sample.
        prior: n -> latents (n, *shape); None for a generator that the condition alone decides.
        learning_rate_schedule: iteration to a factor of all learning rates; None for a constant 1.
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
        prior: Prior | None,
        learning_rate_schedule: Schedule | None = None,
        ema_decay: Decay | None = None,
        seed: int = 0,
        matmul_precision: MatmulPrecision = "highest",
        cuda_graph: bool = False,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False  # ``update`` calls its optimizers itself
        self.generator = generator
        self.prior = prior
        self.learning_rate_schedule = learning_rate_schedule
        self.ema = None if ema_decay is None else copy.deepcopy(generator).eval().requires_grad_(False)
        self.ema_decay = ema_decay
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
        """Do one iteration of the algorithm and return the scalars to log."""

    @abstractmethod
    def make_optimizers(self) -> list[Optimizer]:
        """Return the optimizers that ``update`` uses, in the order of ``self.optimizers()``."""

    def configure_optimizers(self) -> list[Optimizer]:
        optimizers = self.make_optimizers()
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["initial_lr"] = group["lr"]
        return optimizers

    def minimize(self, loss: Tensor, optimizer: Optimizer | LightningOptimizer) -> None:
        """Take one step of the optimizer down the gradient of the loss."""
        self.manual_backward(loss)
        optimizer.step()
        optimizer.zero_grad()

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        with matmuls(self.matmul_precision):
            figures = means_over_processes(self._replayed(batch) if self._replayed else self.update(batch))
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
        if self.learning_rate_schedule is not None:
            self._scale_learning_rates(self.learning_rate_schedule(self.iteration))

    def _scale_learning_rates(self, factor: float) -> None:
        for optimizer in self.trainer.optimizers:
            for group in optimizer.param_groups:
                if isinstance(group["lr"], Tensor):  # that a CUDA graph reads
                    group["lr"].fill_(group["initial_lr"] * factor)
                else:
                    group["lr"] = group["initial_lr"] * factor

    def try_out(self, sample_shape: Shape, condition: Sample | None) -> Sample:
        """Return a few samples of the untrained networks; raise ValueError if they do not fit the data.

        A subclass runs its other networks on them too. Nothing in the networks changes.

        Args:
            sample_shape: of the data's samples.
            condition: for each sample one; None for an unconditional model.
        """
        sample = self.sample(TRIED, condition)
        if shape(sample) != sample_shape:
            raise ValueError(f"the generator makes samples of shape {shape(sample)}, the data have {sample_shape}")
        return sample

    @torch.no_grad()
    def try_batch(self, batch: Batch) -> None:
        """Run the networks on a batch as in training; raise what they raise if it has too few samples for them.

        Nothing in the networks changes.
        """
        with torch.random.fork_rng(devices=[]), _training(self):
            made = self.training_pass(batch)
        if not all(one.isfinite().all() for one in made):
            raise ValueError("what the networks return is not finite")

    def training_pass(self, batch: Batch) -> list[Tensor]:
        """Return what the networks make of a batch, each run on as many samples at once as ``update`` runs it on.

        A subclass runs its other networks too.
        """
        return leaves(self.generator(self.latents(size(batch.real)), batch.condition))

    def latents(self, n: int) -> Tensor | None:
        """Return n latents (n, *shape) for training, from the device's random numbers; None without a prior."""
        return None if self.prior is None else self.prior(n, device=self.device)

    def sample_latent(self, n: int, seed: int) -> Tensor | None:
        """Return n latents (n, *shape), drawn on the CPU so that a seed means the same on every device."""
        if self.prior is None:
            return None
        return self.prior(n, generator=torch.Generator().manual_seed(seed)).to(self.device)

    def sample(
        self,
        n: int,
        condition: Sample | None = None,
        *,
        seed: int = 0,
        latent: Tensor | None = None,
        weights: Weights | None = None,
        **options: Any,
    ) -> Sample:
        """Return n samples in evaluation mode.

        Args:
            n: how many.
            condition: n conditions, on any device, as ``Data.sample_conditions`` draws them; None for an
                unconditional model.
            seed: of the latents.
            latent: n latents, in place of those that the seed gives.
            weights: of the averaged generator or of the one that is trained; None for the first of ``weights``.
            options: keyword arguments of the generator's ``forward``.
        """
        return cat(list(self.sample_parts(n, condition, seed=seed, latent=latent, weights=weights, **options)))

    def sample_parts(
        self,
        n: int,
        condition: Sample | None = None,
        *,
        seed: int = 0,
        latent: Tensor | None = None,
        weights: Weights | None = None,
        **options: Any,
    ) -> Iterator[Sample]:
        """Yield what ``sample`` returns in batches of at most ``MAX_FORWARD``, for sets larger than memory."""
        latent = self.sample_latent(n, seed) if latent is None else latent.to(self.device)
        generator = self.ema if self.ema is not None and weights != "raw" else self.generator
        for start in range(0, n, MAX_FORWARD):
            part = slice(start, start + MAX_FORWARD)
            yield self._forward(
                generator,
                None if latent is None else latent[part],
                None if condition is None else each(lambda one: one.to(self.device), take(condition, part)),
                options,
            )

    @torch.no_grad()
    def _forward(
        self, generator: nn.Module, latent: Tensor | None, condition: Sample | None, options: dict[str, Any]
    ) -> Sample:
        """Return one batch of samples."""
        with evaluating(generator):
            return generator(latent, condition, **options)

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


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode, and afterwards back into the mode that it was in."""
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)


@contextmanager
def _training(model: nn.Module) -> Iterator[None]:
    """Put a model into training mode, and afterwards all modes and buffers back to what they were."""
    modes = {module: module.training for module in model.modules()}
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    model.train()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
        for name, buffer in model.named_buffers():
            buffer.copy_(buffers[name])


@contextmanager
def frozen(weights: Sequence[nn.Parameter]) -> Iterator[None]:
    """Let gradients flow through a network but not into its weights."""
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)
