"""Stacked MNIST: three digits in the channels of one image, which makes 1000 modes to count."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import NonNegativeInt, PositiveInt

from gan_lightning.data.datamodule import Examples
from gan_lightning.data.mnist import MNIST, TEST_FILES, TRAINING_FILES

STACKING_SEED = 0  # independent of the seed of a run: all runs train on the same stacks


class StackedMNIST(MNIST):
    """Random but fixed triples of the 70,000 MNIST digits, (3, 28, 28), with labels 0…999 from their three digits.

    Metz et al., 2017, arXiv:1611.02163. The usual protocol (VEEGAN; PacGAN, Lin et al., 2018, arXiv:1712.04086) trains
    on 128,000 stacks, classifies each channel of 26,000 samples, and reports the number of modes found and the KL
    divergence from a uniform distribution.

    Args:
        stacks: number of triples.
    """

    def __init__(
        self,
        root: str,
        download: bool,
        dataset: Literal["MNIST"],
        checksums: Mapping[str, str] | None,
        stacks: PositiveInt,
        batch_size: PositiveInt,
        sample_shape: Sequence[PositiveInt],
        num_classes: PositiveInt | None,
        seed: NonNegativeInt,
        conditional: bool = False,
        evaluator: Any = None,
    ) -> None:
        super().__init__(
            root, download, dataset, checksums, batch_size, sample_shape, num_classes, seed, conditional, evaluator
        )
        self.stacks = stacks

    def load(self) -> Examples:
        splits = [self._read(*TRAINING_FILES), self._read(*TEST_FILES)]
        images, labels = (torch.cat(parts) for parts in zip(*splits, strict=True))
        generator = torch.Generator().manual_seed(STACKING_SEED)
        chosen = torch.randint(len(images), (self.stacks, 3), generator=generator)
        return Examples(images[chosen].flatten(1, 2), labels[chosen] @ torch.tensor([100, 10, 1]))

    def check_classes(self) -> None:
        """Check classes for a conditional model only: a few stacks need not cover all modes."""
        if self.condition is not None:
            super().check_classes()

    def load_test(self) -> None:
        """Return None: the stacks use the digits of both splits."""
