"""GANs of tables, whose generator starts from a counting model."""

from collections.abc import Iterable

import torch

from gan_lightning.algorithms.gan import GAN
from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.algorithms.privacy import Mechanism
from gan_lightning.algorithms.private_gan import PrivateGAN
from gan_lightning.algorithms.private_model import check_private_counting
from gan_lightning.data.datamodule import Data
from gan_lightning.networks import table_counts


class TableGAN(GAN):
    """GAN whose generator refines rows of a counting model, which counts the training rows before the first iteration.

    Args:
        parts: as for :class:`GAN`; the generator is a :class:`gan_lightning.networks.table_gan.Generator`.
    """

    def on_train_start(self) -> None:
        if self.iteration == 0:
            count_rows(counting_models(self), self.trainer.datamodule, self.device)  # type: ignore[attr-defined]
        super().on_train_start()


class PrivateTableGAN(PrivateGAN):
    """Private GAN whose generator refines rows of a counting model with noise.

    Args:
        parts: as for :class:`PrivateGAN`; the generator is a :class:`gan_lightning.networks.table_gan.Generator` whose
            counting model has no tree.
    """

    def _check_parts(self) -> None:
        super()._check_parts()
        check_private_counting(counting_models(self))

    def on_train_start(self) -> None:
        if self.iteration == 0:
            first, *others = counting_models(self)
            count_rows([first], self.data, self.device)
            noise = self.privacy.noise_multiplier(share=self.privacy.counts_share)
            first.add_noise(noise)
            self.privacy.spend(Mechanism(noise))
            for other in others:  # counts with noise of their own would spend the budget again
                other.counts.copy_(first.counts)
        super().on_train_start()


def counting_models(model: GenerativeModel) -> list[table_counts.Generator]:
    """Return the counting models in a model: one in the trained generator, another in the averaged one."""
    return [module for module in model.modules() if isinstance(module, table_counts.Generator)]


def count_rows(counting: Iterable[table_counts.Generator], data: Data, device: torch.device) -> None:
    """Add all training rows to the counts of counting models."""
    content = data.examples.content
    assert isinstance(content, torch.Tensor)
    for part in content.split(table_counts.ROWS_AT_ONCE):
        rows = data.modality.encode(part)
        assert isinstance(rows, torch.Tensor)
        rows = rows.to(device)
        for model in counting:
            model.count(rows)
