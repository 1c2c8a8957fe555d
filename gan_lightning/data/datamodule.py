"""The data module: examples in memory, gathered, moved and encoded a batch at a time."""

import hashlib
import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import lightning.pytorch as L
import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from gan_lightning.errors import UserError
from gan_lightning.marks import Serving, WithoutEffect
from gan_lightning.modalities.modality import Modality
from gan_lightning.modalities.samples import Content, Sample, each, leaves, size, take
from gan_lightning.system.randomness import CONDITIONS, SHUFFLE, derived_seed

CPU = torch.device("cpu")
KEPT = 256  # example conditions that a checkpoint holds
PART = 4096  # examples that are hashed at once: the set may be larger than memory


class Examples(NamedTuple):
    """Content with its conditions, as people have it."""

    content: Content
    condition: Content | None = None


class Batch(NamedTuple):
    """Samples with their conditions, as networks see them."""

    real: Sample
    condition: Sample | None = None


class Data(L.LightningDataModule):
    """Examples of one modality, and of the condition's modality if there is a condition.

    A new data set is a subclass with ``load``, one YAML in ``conf/data/``, one test. A set with a test split has
    ``load_test`` too. A data module can be constructed without its files: what networks and commands need to know of
    a sample does not depend on them.

    Args:
        modality: of the content.
        batch_size: examples per batch, of all processes together; the last batch of an epoch is smaller where it does
            not divide the set, or left out where ``whole_batches`` is set.
        seed: the order of epoch e is a function of (seed, e).
        condition: modality of what the generator is told; None for an unconditional model.
        evaluator: measures samples, as :class:`gan_lightning.metrics.evaluator.Evaluator`; None for no evaluation.

    Attributes:
        source: what the data are, for statements about samples.
        licence: on what terms, an SPDX identifier.
        examples: after ``setup``.
        test_examples: after ``setup("test")``; None where there is no such split.
    """

    source: str | None = None
    licence: str | None = None

    examples: Examples
    test_examples: Examples | None

    def __init__(
        self,
        modality: Modality,
        batch_size: Serving[PositiveInt],
        seed: Serving[NonNegativeInt],
        condition: Modality | None = None,
        evaluator: WithoutEffect[Any] = None,
    ) -> None:
        super().__init__()
        for one in (modality, *([condition] if condition else [])):
            one.check_complete()
        self.modality = modality
        self.condition = condition
        self.evaluator = evaluator
        self.batch_size = batch_size
        self.seed = seed
        self.batches_per_iteration = 1  # that the model takes at once
        self.processes = 1  # that share each batch
        self.whole_batches = False  # whether an epoch leaves out a smaller last batch
        self._conditions: Content | None = None

    @abstractmethod
    def load(self) -> Examples:
        """Return the training examples; raise UserError where they are missing or broken."""

    def load_test(self) -> Examples | None:
        """Return examples that nobody trains on; None where the data have no such split."""
        return None

    def batch(self, examples: Examples) -> Batch:
        """Encode the examples of a batch, on the device that trains."""
        condition = None if self.condition is None else self.condition.encode(_present(examples.condition))
        return Batch(self.modality.encode(examples.content), condition)

    def order(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the indices of content and of conditions for one epoch, of equal length.

        Unpaired data draw the two apart.
        """
        order = torch.randperm(self.epoch_size, generator=generator)
        return order, order

    @property
    def epoch_size(self) -> int:
        """Examples in an epoch."""
        return size(self.examples.content)

    def shares(self) -> tuple[int, int]:
        """Return how many samples a process gets of each whole batch, and of an epoch's last, smaller one.

        Either is 0 where there is no such batch.
        """
        batch = self.batch_size * self.batches_per_iteration
        shared = self.epoch_size - self.epoch_size % self.processes
        return (batch if batch <= shared else 0) // self.processes, shared % batch // self.processes

    def check(self, examples: Examples) -> Examples:
        """Return what ``load`` gave if it fits the modalities; else raise UserError."""
        if not isinstance(examples, Examples):
            name = type(examples).__name__
            raise UserError(f"data: {type(self).__name__}.load() must return Examples(content, condition), not {name}")
        self.modality.check(examples.content, "data: load()")
        if self.condition is not None:
            if examples.condition is None:
                raise UserError(f"data: {type(self).__name__} is conditional, but its load() gives no conditions")
            self.condition.check(examples.condition, "data: load(): condition")
        return examples

    def setup(self, stage: str) -> None:
        if not hasattr(self, "examples"):
            self.examples = self.check(self.load())
            self._keep_conditions()
        if stage == "test" and not hasattr(self, "test_examples"):
            test = self.load_test()
            self.test_examples = None if test is None else self.check(test)

    def train_dataloader(self) -> DataLoader:
        if self.batch_size > self.epoch_size:
            raise UserError(
                f"data.batch_size={self.batch_size}: larger than the data set, "
                f"which has {self.epoch_size:,} examples: at most that many"
            )
        device = self._home()
        condition = self.examples.condition if self.condition is not None else None
        dataset = _Gathered(
            Examples(
                each(lambda one: one.to(device), self.examples.content),
                None if condition is None else each(lambda one: one.to(device), condition),
            )
        )
        sampler = EpochBatches(
            self.order,
            self.epoch_size,
            self.batch_size * self.batches_per_iteration,
            self.seed,
            device,
            rank=self.trainer.global_rank if self.trainer else 0,
            processes=self.processes,
            whole_batches=self.whole_batches,
        )
        return DataLoader(dataset, sampler=sampler, batch_size=None)

    def _home(self) -> torch.device:
        """Return where training content lies: on the GPU that trains, if it takes less than half of its free memory."""
        device = self.trainer.strategy.root_device if self.trainer else CPU
        if device.type != "cuda":
            return CPU
        needed = sum(one.numel() * one.element_size() for one in leaves(self.examples.content))
        return device if 2 * needed < torch.cuda.mem_get_info(device)[0] else CPU

    def on_after_batch_transfer(self, batch: Examples, dataloader_idx: int) -> Batch:
        return self.batch(batch)

    def sample_conditions(self, n: int, seed: int) -> Sample | None:
        """Return n conditions to generate samples for; None for an unconditional model.

        Class labels are drawn, all equally likely; of other conditions, examples from the data are, which the data
        module's state keeps.

        Args:
            n: how many.
            seed: of the draw; independent of the latents that have the same seed.
        """
        if self.condition is None:
            return None
        values = self.condition.values()
        values = self._conditions if values is None else values
        if values is None:
            raise UserError(f"{type(self).__name__}: neither data nor a checkpoint that keeps conditions: condition=…")
        generator = torch.Generator().manual_seed(derived_seed(seed, CONDITIONS))
        return self.condition.encode(take(values, torch.randint(size(values), (n,), generator=generator)))

    def _keep_conditions(self) -> None:
        if self.condition is not None and self.condition.values() is None and self.examples.condition is not None:
            conditions = self.examples.condition
            chosen = torch.linspace(0, size(conditions) - 1, min(KEPT, size(conditions))).long()
            self._conditions = each(torch.clone, take(conditions, chosen))

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of the data: the modalities' states and example conditions."""
        parts = {"modality": self.modality.state(), "condition": self.condition.state() if self.condition else {}}
        state: dict[str, Any] = {name: part for name, part in parts.items() if part}
        return state if self._conditions is None else state | {"conditions": self._conditions}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take back what ``state_dict`` returned; raise ValueError if it does not fit."""
        unknown = state_dict.keys() - {"modality", "condition", "conditions"}
        if unknown or (self.condition is None and state_dict.keys() & {"condition", "conditions"}):
            raise ValueError(f"{type(self).__name__} has no state of {', '.join(sorted(state_dict))}")
        self.modality.load_state(state_dict.get("modality", {}))
        if self.condition is not None:
            self.condition.load_state(state_dict.get("condition", {}))
            if "conditions" in state_dict:
                self._conditions = self.condition.check(state_dict["conditions"], "the checkpoint's conditions")

    def describe(self) -> dict[str, Any]:
        """Return, for the record, the number of examples and the SHA-256 of all of them, whatever their files."""
        return {"examples": self.epoch_size, "sha256": self._sha256}

    @cached_property
    def _sha256(self) -> str:
        digest = hashlib.sha256()
        for content in leaves(self.examples.content):
            digest.update(f"{tuple(content.shape)}".encode())
            for part in content.split(PART):
                digest.update(part.contiguous().numpy().data)
        for condition in leaves(self.examples.condition):
            digest.update(condition.contiguous().numpy().data)
        return digest.hexdigest()


class EpochBatches(Sampler[tuple[Tensor, Tensor]]):
    """Index tensors (B,) of content and of conditions, drawn anew each epoch as a function of (seed, epoch) alone.

    ``start`` skips that many batches of the next epoch only: a resumed run begins where it stopped.

    Of several processes each gets every ``processes``-th index of every batch, from its ``rank`` on. Where their number
    does not divide the set, an epoch leaves out the last few of its order, so that all have equally many.

    Args:
        order: returns the indices of an epoch, as :meth:`Data.order`.
        size: of an epoch.
        batch_size: of all processes together.
        seed: of the order.
        device: that the indices are moved to.
        rank: of this process.
        processes: how many there are.
        whole_batches: whether to leave out a last batch that is smaller than the others.
    """

    def __init__(
        self,
        order: Callable[[torch.Generator], tuple[Tensor, Tensor]],
        size: int,
        batch_size: int,
        seed: int,
        device: torch.device = CPU,
        rank: int = 0,
        processes: int = 1,
        whole_batches: bool = False,
    ) -> None:
        self.order = order
        self.shared = size - size % (batch_size if whole_batches else processes)
        self.batch_size = batch_size
        self.seed = seed
        self.device = device
        self.rank = rank
        self.processes = processes
        self.epoch = 0
        self.start = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the Trainer before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return math.ceil(self.shared / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(derived_seed(self.seed, SHUFFLE, self.epoch))
        content, condition = self.order(generator)
        batches = [one.to(self.device)[: self.shared].split(self.batch_size) for one in (content, condition)]
        start, self.start = self.start, 0
        for of_content, of_condition in zip(*(one[start:] for one in batches), strict=True):
            yield of_content[self.rank :: self.processes], of_condition[self.rank :: self.processes]


class _Gathered(Dataset[Examples]):
    """A batch by index tensors, so that no Python code runs per example."""

    def __init__(self, examples: Examples) -> None:
        self.examples = examples

    def __getitem__(self, indices: tuple[Tensor, Tensor]) -> Examples:
        content, condition = self.examples
        return Examples(take(content, indices[0]), None if condition is None else take(condition, indices[1]))


def _present(condition: Content | None) -> Content:
    assert condition is not None
    return condition
