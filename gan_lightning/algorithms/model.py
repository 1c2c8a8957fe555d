"""Base class of all models: the interface that callbacks and commands use, whatever the algorithm."""

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
from gan_lightning.algorithms.privacy import DifferentialPrivacy
from gan_lightning.algorithms.schedules import Schedule
from gan_lightning.data.datamodule import Batch
from gan_lightning.modalities.samples import Sample, Shape, cat, each, leaves, shape, size, take
from gan_lightning.system.cuda_graph import CapturedUpdate, make_capturable
from gan_lightning.system.distributed import means_over_processes
from gan_lightning.system.randomness import ITERATION, derived_seed, seed_device

MAX_FORWARD = 1024  # samples in one forward pass of the generator outside training
CHECKED_SAMPLES = 2  # samples generated before training to check that all parts fit together

Decay = Annotated[float, Field(ge=0, lt=1)]
Weights = Literal["ema", "raw", "pretrained"]
MatmulPrecision = Literal["highest", "high", "medium"]


class ModelSettings(TypedDict, total=False):
    """Settings that every model takes, whatever the algorithm; see :class:`GenerativeModel`."""

    learning_rate_schedule: Schedule | None
    ema_decay: Decay | None
    seed: int
    matmul_precision: MatmulPrecision
    cuda_graph: bool


class GenerativeModel(L.LightningModule):
    """Generator that is trained by some algorithm. Callbacks and commands know a model only by this class.

    A subclass implements one iteration in ``update``, and builds its optimizers in ``make_optimizers``.

    Args:
        generator: (latent, condition) -> sample.
        prior: n -> latents (n, *shape); None for a generator whose only input is the condition.
        learning_rate_schedule: schedule of a factor of all learning rates; None for a constant 1.
        ema_decay: decay of an averaged generator, which samples are then drawn from; None for no average.
        seed: seed of the run; all randomness of iteration i is derived from (seed, i, rank).
        matmul_precision: precision of float32 matrix products in ``update``, as for
            ``torch.set_float32_matmul_precision``: ``medium`` multiplies in bfloat16 and sums in float32 if the
            hardware supports it.
        cuda_graph: True to replay ``update`` from a CUDA graph.

    Attributes:
        iteration: number of generator updates so far, over all epochs and resumptions.
        rollbacks: number of times that the run returned to a checkpoint and continued with other noise.
        batches_per_iteration: number of the data's batches that ``training_step`` takes together as one.
        poisson_sampling: True if batches must be Poisson samples of the examples.
        privacy: the budget of differential privacy; None for a model that is trained without.
    """

    batches_per_iteration = 1
    poisson_sampling = False
    privacy: DifferentialPrivacy | None = None
    on_before_backward = on_after_backward = on_before_optimizer_step = None  # type: ignore[assignment]  # Lightning skips them

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
        self._captured_update = CapturedUpdate(self.update) if cuda_graph else None
        self.iteration = 0
        self.rollbacks = 0

    @property
    def weights(self) -> list[Weights]:
        """Names of the generators that can be sampled from, the preferred one first."""
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
        """Take one step of the optimizer down the gradient of the loss, and clear the gradients."""
        self.manual_backward(loss)
        optimizer.step()
        optimizer.zero_grad()

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        with float32_matmul_precision(self.matmul_precision):
            scalars = means_over_processes(
                self._captured_update(batch) if self._captured_update else self.update(batch)
            )
        if self._averaging is not None:
            self._averaging.update(self.iteration)
        self.iteration += 1
        return scalars

    def on_train_start(self) -> None:
        if self.ema is not None and self.ema_decay is not None:
            self._averaging = Averaging(self.ema, self.generator, self.ema_decay)
        if self.cuda_graph:
            for optimizer in self.trainer.optimizers:
                make_capturable(optimizer, self.device)

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Seed the iteration's randomness, before the data module augments and encodes the batch."""
        rollbacks = [self.rollbacks] if self.rollbacks else []
        seed_device(self.device, derived_seed(self.seed, ITERATION, self.iteration, self.global_rank, *rollbacks))
        return batch

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        if self.learning_rate_schedule is not None:
            self._scale_learning_rates(self.learning_rate_schedule(self.iteration))

    def _scale_learning_rates(self, factor: float) -> None:
        for optimizer in self.trainer.optimizers:
            for group in optimizer.param_groups:
                if isinstance(group["lr"], Tensor):  # a CUDA graph reads this tensor, so it must stay
                    group["lr"].fill_(group["initial_lr"] * factor)
                else:
                    group["lr"] = group["initial_lr"] * factor

    def check_networks(self, sample_shape: Shape, condition: Sample | None) -> Sample:
        """Generate a few samples to check that the networks fit each other and the data; return them.

        A subclass runs its other networks on them too. The networks do not change.

        Args:
            sample_shape: the shape of the data's samples.
            condition: ``CHECKED_SAMPLES`` conditions; None for an unconditional model.

        Raises:
            ValueError: if the samples have another shape. Networks may raise other errors.
        """
        sample = self.sample(CHECKED_SAMPLES, condition)
        if shape(sample) != sample_shape:
            raise ValueError(f"the generator makes samples of shape {shape(sample)}, the data have {sample_shape}")
        return sample

    @torch.no_grad()
    def check_batch(self, batch: Batch) -> None:
        """Run the networks on a batch in training mode, to check that it has enough samples for them.

        The networks and the random state do not change.

        Raises:
            ValueError: if outputs are not finite. Networks may raise other errors.
        """
        with torch.random.fork_rng(devices=[]), _training(self):
            outputs = self.run_networks(batch)
        if not all(one.isfinite().all() for one in outputs):
            raise ValueError("outputs of the networks are not finite")

    def run_networks(self, batch: Batch) -> list[Tensor]:
        """Return the outputs of the networks on a batch, each run on as many samples at once as in ``update``.

        A subclass runs its other networks too.
        """
        return leaves(self.generator(self.latents(size(batch.real)), batch.condition))

    def generator_of(self, weights: Weights | None) -> nn.Module:
        """Return the generator of these weights; of None, the preferred one."""
        return self.ema if self.ema is not None and weights != "raw" else self.generator

    def latents(self, n: int) -> Tensor | None:
        """Return n latents (n, *shape) for training, drawn on the device; None without a prior."""
        return None if self.prior is None else self.prior(n, device=self.device)

    def sample_latent(self, n: int, seed: int) -> Tensor | None:
        """Return the n latents (n, *shape) of a seed, the same on every device; None without a prior."""
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
        """Return n samples, generated in evaluation mode.

        Args:
            n: number of samples.
            condition: n conditions on any device, for example from ``Data.sample_conditions``; None for an
                unconditional model.
            seed: seed of the latents.
            latent: n latents to use instead of those of the seed.
            weights: ``ema`` for the averaged generator, ``raw`` for the trained one; None for the preferred one.
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
        most: int = MAX_FORWARD,
        **options: Any,
    ) -> Iterator[Sample]:
        """Yield the samples of ``sample`` in batches of at most ``most``, for sets larger than memory."""
        latent = self.sample_latent(n, seed) if latent is None else latent.to(self.device)
        generator = self.generator_of(weights)
        for start in range(0, n, most):
            part = slice(start, start + most)
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
        with evaluating(generator):
            return generator(latent, condition, **options)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["iteration"] = self.iteration
        checkpoint["rollbacks"] = self.rollbacks

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.iteration = checkpoint["iteration"]
        self.rollbacks = max(self.rollbacks, checkpoint.get("rollbacks", 0))


@contextmanager
def float32_matmul_precision(precision: MatmulPrecision) -> Iterator[None]:
    """Set the precision of float32 matrix products, and restore it afterwards for metrics and samples."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode, and restore its mode afterwards."""
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)


@contextmanager
def _training(model: nn.Module) -> Iterator[None]:
    """Put a model into training mode, and restore all modes and buffers afterwards."""
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
    """Exclude weights from gradients, which still flow through the network to its input."""
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)
