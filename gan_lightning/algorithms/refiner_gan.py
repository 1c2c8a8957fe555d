"""GANs whose generator refines samples of a counting model."""

from collections.abc import Iterable
from math import prod

import torch
from torch import nn

from gan_lightning.algorithms.counting import Counter
from gan_lightning.algorithms.gan import GAN
from gan_lightning.data.datamodule import Data

NUMBERS_AT_ONCE = 2**24  # of encoded samples that are counted together


class RefinerGAN(GAN):
    """GAN whose generator refines samples of a counting model, which counts the training samples before iteration 0.

    Args:
        parts: as for :class:`GAN`; the generator has a module that is a
            :class:`gan_lightning.algorithms.counting.Counter`.

    Raises:
        ValueError: if the parts cannot work together.
    """

    def _check_parts(self) -> None:
        super()._check_parts()
        if not counters(self):
            raise ValueError(
                f"generator {type(self.generator).__name__}: has no counting model to start from: choose that "
                "of networks.table_gan or networks.sequence_refiner"
            )

    def on_train_start(self) -> None:
        if self.iteration == 0:
            count_samples(counters(self), self.trainer.datamodule, self.device)  # type: ignore[attr-defined]
        super().on_train_start()


def counters(model: nn.Module) -> list[Counter]:
    """Return the counting models in a model: one in the trained generator, another in the averaged one."""
    return [module for module in model.modules() if isinstance(module, Counter)]


def count_samples(models: Iterable[Counter], data: Data, device: torch.device) -> None:
    """Add all training samples to the counts of counting models."""
    content = data.examples.content
    assert isinstance(content, torch.Tensor)
    assert isinstance(data.modality.sample_shape, tuple)
    for part in content.split(max(NUMBERS_AT_ONCE // prod(data.modality.sample_shape), 1)):
        samples = data.modality.encode(part)
        assert isinstance(samples, torch.Tensor)
        samples = samples.to(device)
        for model in models:
            model.count(samples)
