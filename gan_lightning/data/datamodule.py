"""The data module: keeps examples in memory, and moves and encodes them one batch at a time."""

import hashlib
from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

import lightning.pytorch as L
import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gan_lightning.data.batches import EpochBatches, PoissonBatches
from gan_lightning.errors import UserError
from gan_lightning.marks import Serving, WithoutEffect
from gan_lightning.modalities.modality import Modality
from gan_lightning.modalities.samples import Content, Sample, each, leaves, size, take
from gan_lightning.system.randomness import CONDITIONS, derived_seed

MIN_STORED_CONDITIONS = 256  # example conditions in a checkpoint, as far as the data have so many
STORED_BYTES = 2**20  # of example conditions in a checkpoint, if more than the minimum
HASHED_AT_ONCE = 4096  # examples: the set may be larger than memory


class Examples(NamedTuple):
    """Content with its conditions, before they are encoded."""

    content: Content
    condition: Content | None = None


class Batch(NamedTuple):
    """Samples with their conditions, as networks take them."""

    real: Sample
    condition: Sample | None = None


class Data(L.LightningDataModule):
    """A data set: examples of one modality, with conditions of another modality if the model is conditional.

    A new data set is a subclass with ``load``, a YAML file in ``conf/data/`` and a test. A set with a test split
    implements ``load_test`` too. A data module can be constructed without its files: its modalities do not need them.

    Args:
        modality: modality of the content.
        batch_size: number of examples in a batch, of all processes together. The last batch of an epoch is smaller if
            it does not divide the set, or is dropped if ``whole_batches`` is set.
        seed: seed of the order of examples; the order of epoch e is a function of (seed, e).
        condition: modality of the conditions; None for an unconditional model.
        evaluator: :class:`gan_lightning.metrics.evaluator.Evaluator` that measures samples; None for no evaluation.

    Attributes:
        source: name and address of the data, for statements about samples.
        licence: licence of the data, an SPDX identifier.
        examples: training examples, after ``setup``.
        test_examples: examples of the test split, after ``setup("test")``; None if there is no such split.
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
        modality.check_complete()
        if condition is not None:
            condition.check_complete()
        self.modality = modality
        self.condition = condition
        self.evaluator = evaluator
        self.batch_size = batch_size
        self.seed = seed
        self.batches_per_iteration = 1  # batches that the model takes in one iteration, served as one
        self.processes = 1  # number of processes that share each batch
        self.whole_batches = False  # if True, an epoch drops a smaller last batch
        self.poisson_sampling = False  # if True, batches are Poisson samples of the examples
        self._stored_conditions: Content | None = None

    @abstractmethod
    def load(self) -> Examples:
        """Return the training examples; raise UserError if they are missing or damaged."""

    def load_test(self) -> Examples | None:
        """Return the examples of the test split, which are not trained on; None if there is no such split."""
        return None

    def batch(self, examples: Examples) -> Batch:
        """Return the examples of a batch as samples, on the device of the examples."""
        if self.condition is None:
            return Batch(self.modality.encode(examples.content))
        assert examples.condition is not None
        return Batch(self.modality.encode(examples.content), self.condition.encode(examples.condition))

    def order(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the indices of content and of conditions for one epoch, two tensors of equal length.

        A subclass for unpaired data draws the two independently.
        """
        order = torch.randperm(self.epoch_size, generator=generator)
        return order, order

    @property
    def declared(self) -> bool:
        """True if the modality was described without looking at the examples, as differential privacy needs."""
        return self.modality.declared

    @property
    def epoch_size(self) -> int:
        """Number of examples in an epoch."""
        return size(self.examples.content)

    @property
    def reference_examples(self) -> Examples:
        """Training examples that samples are compared with: all of them, unless a subclass has added some as a test."""
        return self.examples

    def shares(self) -> tuple[int, int]:
        """Return the number of samples that a process gets of each whole batch, and of an epoch's smaller last batch.

        A number is 0 if there is no such batch.
        """
        batch = self.batch_size * self.batches_per_iteration
        used = self.epoch_size - self.epoch_size % self.processes
        return (batch if batch <= used else 0) // self.processes, used % batch // self.processes

    def check(self, examples: Examples) -> Examples:
        """Return the examples if they fit the modalities; raise UserError otherwise."""
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
            self._store_conditions()
        if stage == "test" and not hasattr(self, "test_examples"):
            test = self.load_test()
            self.test_examples = None if test is None else self.check(test)

    def train_dataloader(self) -> DataLoader:
        if self.batch_size > self.epoch_size:
            raise UserError(
                f"data.batch_size={self.batch_size}: larger than the data set, "
                f"which has {self.epoch_size:,} examples: at most that many"
            )
        device = self._content_device()
        condition = self.examples.condition if self.condition is not None else None
        dataset = _BatchDataset(
            Examples(
                each(lambda one: one.to(device), self.examples.content),
                None if condition is None else each(lambda one: one.to(device), condition),
            )
        )
        if self.poisson_sampling:
            batches = PoissonBatches(self.epoch_size, self.batch_size, device)
            return DataLoader(dataset, sampler=batches, batch_size=None)
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

    def _content_device(self) -> torch.device:
        """Return the GPU that trains if the content takes less than half of its free memory; else the CPU."""
        cpu = torch.device("cpu")
        device = self.trainer.strategy.root_device if self.trainer else cpu
        if device.type != "cuda":
            return cpu
        required = sum(one.numel() * one.element_size() for one in leaves(self.examples.content))
        return device if 2 * required < torch.cuda.mem_get_info(device)[0] else cpu

    def on_after_batch_transfer(self, batch: Examples, dataloader_idx: int) -> Batch:
        return self.batch(batch)

    def sample_conditions(self, n: int, seed: int) -> Sample | None:
        """Return n random conditions to generate samples for; None for an unconditional model.

        Class labels are uniform. Other conditions are drawn from examples of the data, which the data module's state
        keeps.

        Args:
            n: number of conditions.
            seed: seed of the draw, which is independent of the latents with the same seed.

        Raises:
            UserError: if there are no examples to draw from.
        """
        if self.condition is None:
            return None
        values = self.condition.values()
        values = self._stored_conditions if values is None else values
        if values is None:
            raise UserError(f"{type(self).__name__}: no example conditions, as no data are loaded: set condition=…")
        generator = torch.Generator().manual_seed(derived_seed(seed, CONDITIONS))
        return self.condition.encode(take(values, torch.randint(size(values), (n,), generator=generator)))

    def complete_condition(self, content: Content, n: int, seed: int) -> Content:
        """Return the content of conditions that a user has given, with all that they leave open filled in.

        Args:
            content: one condition for all samples, or n conditions.
            n: number of samples.
            seed: seed of what is drawn at random.
        """
        return content

    def _store_conditions(self) -> None:
        """Store evenly spaced example conditions, unless all possible conditions are known."""
        if self.condition is not None and self.condition.values() is None and self.examples.condition is not None:
            conditions = self.examples.condition
            of_one = sum(one[:1].nbytes for one in leaves(conditions))
            n = min(max(STORED_BYTES // of_one, MIN_STORED_CONDITIONS), size(conditions))
            chosen = torch.linspace(0, size(conditions) - 1, n).long()
            self._stored_conditions = each(torch.clone, take(conditions, chosen))

    def state_dict(self) -> dict[str, Any]:
        """Return the state for a checkpoint: the modalities' states and example conditions."""
        parts = {"modality": self.modality.state(), "condition": self.condition.state() if self.condition else {}}
        state: dict[str, Any] = {name: part for name, part in parts.items() if part}
        return state if self._stored_conditions is None else state | {"conditions": self._stored_conditions}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the state that ``state_dict`` returned; raise ValueError if it does not fit."""
        unknown = state_dict.keys() - {"modality", "condition", "conditions"}
        if unknown or (self.condition is None and state_dict.keys() & {"condition", "conditions"}):
            raise ValueError(f"{type(self).__name__} has no state of {', '.join(sorted(state_dict))}")
        self.modality.load_state(state_dict.get("modality", {}))
        if self.condition is not None:
            self.condition.load_state(state_dict.get("condition", {}))
            if "conditions" in state_dict:
                self._stored_conditions = self.condition.check(state_dict["conditions"], "the checkpoint's conditions")

    def describe(self) -> dict[str, Any]:
        """Return the number of examples and the SHA-256 of their content and conditions, for manifests."""
        return {"examples": self.epoch_size, "sha256": self._sha256}

    @cached_property
    def _sha256(self) -> str:
        digest = hashlib.sha256()
        for content in leaves(self.examples.content):
            digest.update(f"{tuple(content.shape)}".encode())
            for part in content.split(HASHED_AT_ONCE):
                digest.update(part.contiguous().numpy().data)
        for condition in leaves(self.examples.condition):
            digest.update(condition.contiguous().numpy().data)
        return digest.hexdigest()


class _BatchDataset(Dataset[Examples]):
    """Examples that are indexed by whole batches, so that no Python code runs for each example."""

    def __init__(self, examples: Examples) -> None:
        self.examples = examples

    def __getitem__(self, indices: tuple[Tensor, Tensor]) -> Examples:
        content, condition = self.examples
        return Examples(take(content, indices[0]), None if condition is None else take(condition, indices[1]))
