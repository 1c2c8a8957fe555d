"""The order of examples: which of them form the batches of an epoch, for each process."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.utils.data import Sampler

from gan_lightning.system.randomness import SHUFFLE, derived_seed, secret_uniform


class Batches(Sampler[tuple[Tensor, Tensor]]):
    """Batches of an epoch, as index tensors (B,) of content and of conditions.

    Attributes:
        start: number of batches of the next epoch to skip, once, so that a resumed run continues where it stopped.
    """

    start = 0


class EpochBatches(Batches):
    """Batches in an order that depends only on (seed, epoch).

    With several processes, each gets every ``processes``-th index of every batch, starting with its ``rank``. If their
    number does not divide the set, an epoch drops the last few indices, so that all processes get equally many.

    Args:
        order: function that returns the indices of an epoch, such as :meth:`Data.order`.
        size: number of examples in an epoch.
        batch_size: number of examples in a batch, of all processes together.
        seed: seed of the order.
        device: device of the index tensors.
        rank: number of this process.
        processes: number of processes.
        whole_batches: if True, drop a last batch that is smaller than the others.
    """

    def __init__(
        self,
        order: Callable[[torch.Generator], tuple[Tensor, Tensor]],
        size: int,
        batch_size: int,
        seed: int,
        device: torch.device | str = "cpu",
        rank: int = 0,
        processes: int = 1,
        whole_batches: bool = False,
    ) -> None:
        self.order = order
        self.used = size - size % (batch_size if whole_batches else processes)
        self.batch_size = batch_size
        self.seed = seed
        self.device = device
        self.rank = rank
        self.processes = processes
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; the Trainer calls it before each one."""
        self.epoch = epoch

    def __len__(self) -> int:
        return math.ceil(self.used / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(derived_seed(self.seed, SHUFFLE, self.epoch))
        content, condition = self.order(generator)
        batches = [indices.to(self.device)[: self.used].split(self.batch_size) for indices in (content, condition)]
        start, self.start = self.start, 0
        share = slice(self.rank, None, self.processes)
        for content_batch, condition_batch in zip(*(part[start:] for part in batches), strict=True):
            yield content_batch[share], condition_batch[share]


class PoissonBatches(Batches):
    """Poisson samples of the examples.

    Each example is in a batch with probability ``batch_size / size``, independently of all others, so batches differ
    in size and may be empty. Nobody can know which examples a batch had, as differential privacy needs: the random
    numbers come from the operating system.

    Args:
        size: number of examples.
        batch_size: expected number of examples in a batch.
        device: device of the index tensors.
    """

    def __init__(self, size: int, batch_size: int, device: torch.device | str = "cpu") -> None:
        self.size = size
        self.batch_size = batch_size
        self.device = device

    def __len__(self) -> int:
        return math.ceil(self.size / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        start, self.start = self.start, 0
        for _ in range(start, len(self)):
            chosen = (secret_uniform(self.size) < self.batch_size / self.size).nonzero()[:, 0].to(self.device)
            yield chosen, chosen
