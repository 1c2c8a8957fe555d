"""A thousand modes to count: three digits in the channels of one picture."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import NonNegativeInt, PositiveInt

from gan_lightning.data.datamodule import Examples
from gan_lightning.data.mnist import MNIST, TEST_FILES, TRAINING_FILES

STACKING_SEED = 0  # the stacks are fixed, whatever the seed of a run


class StackedMNIST(MNIST):
    """Fixed random triples of the 70,000 digits, (3, 28, 28), labelled 0…999 by their digits (Metz et al., 2017,
    arXiv:1611.02163).

    By the protocol of VEEGAN and PacGAN (Lin et al., 2018, arXiv:1712.04086): 128,000 stacks; 26,000 samples, each
    channel classified on its own; how many of the 1000 modes are there, and the KL divergence from equal shares.

    Args:
        stacks: how many triples.
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
        """Let few stacks lack some modes, except for a model that is told them."""
        if self.condition is not None:
            super().check_classes()

    def load_test(self) -> None:
        """All digits are in the stacks."""
