"""Real examples that samples are compared with, and the view of both that metrics are computed from."""

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
NEIGHBOURS = 5  # k of precision, recall, density and coverage
MAX_COMPARED_WITH_TRAINING = 1000  # samples compared with all training examples, a slow search

T = TypeVar("T")


class NotEvaluated(UserError):
    """Samples of the data cannot be evaluated. Training continues without metrics; a command stops."""


class View:
    """Samples and the quantities that metrics need of them, each computed once, at its first use.

    Args:
        evaluator: the evaluator that computes the features.
        content: n samples as content.
        condition: the conditions of the samples, encoded as for the generator; None if they have none.
    """

    def __init__(self, evaluator: "Evaluator", content: Content, condition: Sample | None = None) -> None:
        self.evaluator = evaluator
        self.content = content
        self.condition = condition
        self._shared_results: dict[Any, Any] = {}

    @cached_property
    def features(self) -> Tensor:
        """Features (n, d) of floating point."""
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
        """Neighbourhoods of the samples in feature space."""
        return Neighbourhoods(self.features, NEIGHBOURS)

    def compute_once(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return ``function(self, *arguments)``, which is computed once for all metrics that share it."""
        key = (function, *arguments)
        if key not in self._shared_results:
            self._shared_results[key] = function(self, *arguments)
        return self._shared_results[key]


V = TypeVar("V", bound=View)


class Reference(Generic[V]):
    """Real examples that samples are compared with.

    Samples are compared with the test split. Without one, they are compared with one half of the training examples, and
    the other half gives the baseline. Examples are chosen at random from the whole split, because its parts may differ:
    the two halves of MNIST's test set, written by different people, have a Fréchet distance of 1.27, random halves .08.

    Args:
        evaluator: the evaluator that creates the views.
        data: the data, after ``setup("test")``.
        n: number of samples to evaluate; reduced to the number of real examples.
        split: the split to compare with. Use ``train`` for decisions about a run, such as a search, so that metrics on
            ``test`` stay independent of them.
        seed: seed of the choice of real examples.

    Attributes:
        n: number of samples to evaluate, and of real examples in ``real`` and in ``other``.
        split: the split compared with; ``train`` if there is no test split.
        training: content of all training examples that samples are compared with.
        real: view of the real examples that samples are compared with.
        other: view of other real examples, from the training set, whose metrics are the baseline.

    Raises:
        NotEvaluated: if ``n`` or the number of real examples is too small for nearest neighbours.
    """

    def __init__(self, evaluator: "Evaluator", data: Data, n: int, split: Split = "test", seed: int = 0) -> None:
        self.data = data
        examples = data.reference_examples
        self.training = examples.content
        test = None if split == "train" else data.test_examples
        self.split: Split = "train" if test is None else "test"
        available = size(self.training)
        real_examples = available // 2 if test is None else min(available, size(test.content))
        self.n = min(n, real_examples)
        if real_examples <= NEIGHBOURS:
            half = " (half of the training set)" if test is None else ""
            raise NotEvaluated(
                f"data: {real_examples} real examples{half} to compare samples with: "
                f"at least {NEIGHBOURS + 1} are needed: add examples"
            )
        if n <= NEIGHBOURS:
            raise NotEvaluated(f"n={n}: at least {NEIGHBOURS + 1} samples are needed: raise n, or add samples")
        generator = torch.Generator().manual_seed(seed)
        in_training = torch.randperm(available, generator=generator)
        if test is None:
            in_real, in_other = in_training[: 2 * self.n].split(self.n)
            self.real: V = _view(evaluator, data, examples, in_real)
        else:
            in_test = torch.randperm(size(test.content), generator=generator)[: self.n]
            self.real = _view(evaluator, data, test, in_test)
            in_other = in_training[: self.n]
        self.other: V = _view(evaluator, data, examples, in_other)
        self._in_neither = in_training[self.n if test is not None else 2 * self.n :][: self.n]

    @cached_property
    def flat_training(self) -> Tensor:
        """Content of all training examples as rows of numbers."""
        return self.real.evaluator.flat(self.training)

    @cached_property
    def neither(self) -> V | None:
        """View of training examples that are in neither ``real`` nor ``other``, at most ``n``; None if too few are."""
        if len(self._in_neither) <= NEIGHBOURS:
            return None
        return _view(self.real.evaluator, self.data, self.data.reference_examples, self._in_neither)

    @cached_property
    def unseen_distances(self) -> Tensor:
        """Distances of real examples to the nearest training example other than themselves."""
        k = 2 if self.split == "train" else 1  # the nearest example to a training example is itself
        compared = evenly_spaced(self.real.flat, MAX_COMPARED_WITH_TRAINING)
        return nearest(compared, self.flat_training, k).distances[:, -1]


def _view(evaluator: "Evaluator", data: Data, examples: Examples, index: Tensor) -> Any:
    """Return a view of the examples at ``index``; without conditions unless each example has one."""
    condition = examples.condition
    if condition is not None and size(condition) == size(examples.content):
        chosen = take(condition, index)
        encoded = chosen if data.condition is None else data.condition.encode(chosen)
        return evaluator.view(take(examples.content, index), encoded)
    return evaluator.view(take(examples.content, index))


def evenly_spaced(samples: Tensor, n: int) -> Tensor:
    """Return at most n of the samples, evenly spaced, because files may be sorted by class."""
    return samples[torch.linspace(0, len(samples) - 1, min(len(samples), n)).long()]
