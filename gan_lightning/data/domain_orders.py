"""Orders in which training takes the images of two domains: independently, or as likely pairs."""

from typing import Protocol

import torch
from torch import Tensor


class DomainOrder(Protocol):
    """Order of the images of both domains in an epoch.

    Attributes:
        size: number of examples in an epoch.
        most: the largest batch.
        most_is: what ``most`` is, for messages.
        facts: numbers for the manifest.
    """

    size: int
    most: int
    most_is: str
    facts: dict[str, int]

    def order(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the indices (size,) of the images that result and of those that are translated, in an epoch."""

    def flips(self, n: int, device: torch.device) -> Tensor:
        """Return which of n images that result, and of n that are translated, to mirror, (2, n) bool."""


class Independent:
    """Random permutations of both domains, without a relation; those of the smaller one are repeated.

    Args:
        results: number of images of the domain that results.
        translated: number of images of the domain that is translated.
    """

    most_is = "the number of training images of a domain"

    def __init__(self, results: int, translated: int) -> None:
        self.facts: dict[str, int] = {}
        self.sizes = results, translated
        self.size, self.most = max(self.sizes), min(self.sizes)

    def order(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        results, translated = (_repeated_permutations(n, self.size, generator) for n in self.sizes)
        return results, translated

    def flips(self, n: int, device: torch.device) -> Tensor:
        return torch.rand(2, n, device=device) < 0.5


class Paired:
    """Random permutations of pairs of images.

    Args:
        translated: indices (pairs,) of images of the domain that is translated.
        results: indices (pairs,) of the images of the other domain.
    """

    most_is = "the number of likely pairs"

    def __init__(self, translated: Tensor, results: Tensor) -> None:
        self.translated, self.results = translated, results
        self.size = self.most = len(results)
        self.facts = {"pairs": self.size}

    def order(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        order = torch.randperm(self.size, generator=generator)
        return self.results[order], self.translated[order]

    def flips(self, n: int, device: torch.device) -> Tensor:
        return torch.rand(2, n, device=device)[:1].expand(2, -1) < 0.5


def _repeated_permutations(n: int, total: int, generator: torch.Generator) -> Tensor:
    """Return ``total`` indices below n (total,): one random permutation after another."""
    repeats = -(-total // n)
    return torch.cat([torch.randperm(n, generator=generator) for _ in range(repeats)])[:total]
