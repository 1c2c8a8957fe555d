"""What samples are compared with: real examples, and what metrics see of both."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import torch
from torch import Tensor

from gan_lightning.data.datamodule import Data, Examples
from gan_lightning.errors import UserError
from gan_lightning.metrics.neighbours import Neighbourhoods, nearest
from gan_lightning.modalities.samples import Content, Sample, size, take

if TYPE_CHECKING:
    from gan_lightning.metrics.evaluator import Evaluator

Split = Literal["test", "train"]
NEIGHBOURS = 5  # k of precision, recall, density, coverage
COMPARED_WITH_TRAINING = 1000  # samples whose nearest training examples are looked for

T = TypeVar("T")


class NotEvaluated(UserError):
    """The data cannot be evaluated: training goes on without, a command ends."""


class View:
    """Samples as metrics see them; everything is computed at its first use, and once.

    Args:
        evaluator: makes the features.
        content: n samples.
        condition: that each was made for, as the generator is given it; None where they were made for none.
    """

    def __init__(self, evaluator: "Evaluator", content: Content, condition: Sample | None = None) -> None:
        self.evaluator = evaluator
        self.content = content
        self.condition = condition
        self._results: dict[Any, Any] = {}

    @cached_property
    def features(self) -> Tensor:
        """Features (n, d)."""
        features = self.evaluator.features(self.content)
        if not features.is_floating_point() or features.dim() != 2:
            found = f"{str(features.dtype).removeprefix('torch.')} {tuple(features.shape)}"
            raise UserError(f"{type(self.evaluator).__name__}.features() returns {found}: must be floats (n, d)")
        return features

    @cached_property
    def flat(self) -> Tensor:
        """Content as rows of numbers (n, d)."""
        return self.evaluator.flat(self.content)

    @cached_property
    def neighbourhoods(self) -> Neighbourhoods:
        """Each sample's distances to its nearest others, in features."""
        return Neighbourhoods(self.features, NEIGHBOURS)

    def once(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return ``function(self, *arguments)``: computed the first time, remembered for metrics that share it."""
        key = (function, *arguments)
        if key not in self._results:
            self._results[key] = function(self, *arguments)
        return self._results[key]


V = TypeVar("V", bound=View)


class Reference(Generic[V]):
    """Real examples that samples are compared with.

    With a test split, samples are compared with it. Without one they are compared with one half of the examples, and
    the other half gives the real baseline. Examples are drawn at random from their whole split: the first and the
    second half of MNIST's test set were written by two populations, 1.27 apart where random halves are .08.

    Args:
        evaluator: makes views of them.
        data: after ``setup("test")``.
        n: how many samples are measured; fewer where there are not as many real examples.
        split: what samples are compared with: ``train`` for whatever decides something about a run, so that metrics
            on ``test`` stay unseen.
        seed: of which real examples, where there are more.

    Attributes:
        n: how many samples can be measured beside as many real examples.
        split: ``train`` too if there is no test split.
        training: content of all training examples.
        real: what samples are compared with.
        other: as many other real examples, of the training set: the real baseline.
    """

    def __init__(self, evaluator: "Evaluator", data: Data, n: int, split: Split = "test", seed: int = 0) -> None:
        self.data = data
        self.training = data.examples.content
        test = None if split == "train" else data.test_examples
        self.split: Split = "train" if test is None else "test"
        available = size(self.training)
        self.n = min(n, available // 2 if test is None else min(available, size(test.content)))
        if self.n <= NEIGHBOURS:
            raise NotEvaluated(f"{self.n} samples beside as many real ones: at least {NEIGHBOURS + 1} are needed")
        generator = torch.Generator().manual_seed(seed)
        in_training = torch.randperm(available, generator=generator)
        if test is None:
            in_real, in_other = in_training[: 2 * self.n].split(self.n)
            self.real: V = _view(evaluator, data, data.examples, in_real)
        else:
            in_test = torch.randperm(size(test.content), generator=generator)[: self.n]
            self.real = _view(evaluator, data, test, in_test)
            in_other = in_training[: self.n]
        self.other: V = _view(evaluator, data, data.examples, in_other)

    @cached_property
    def flat_training(self) -> Tensor:
        """Content of all training examples as rows of numbers."""
        return self.real.evaluator.flat(self.training)

    @cached_property
    def unseen_distances(self) -> Tensor:
        """Distances of real examples to the nearest training example.

        Where the real examples are training examples themselves, distances to the second nearest.
        """
        seen = self.split == "train"
        return nearest(spread(self.real.flat, COMPARED_WITH_TRAINING), self.flat_training, k=1 + seen).distances[:, -1]


def _view(evaluator: "Evaluator", data: Data, examples: Examples, index: Tensor) -> Any:
    """Return a view of the examples that an index names; unpaired ones have no condition of their own."""
    condition = examples.condition
    if condition is not None and size(condition) == size(examples.content):
        chosen = take(condition, index)
        encoded = chosen if data.condition is None else data.condition.encode(chosen)
        return evaluator.view(take(examples.content, index), encoded)
    return evaluator.view(take(examples.content, index))


def spread(samples: Tensor, n: int) -> Tensor:
    """Return at most n of the samples, from all over the set: files may be in the order of their classes."""
    return samples[torch.linspace(0, len(samples) - 1, min(len(samples), n)).long()]
