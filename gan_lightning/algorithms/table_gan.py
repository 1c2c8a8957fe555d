"""GANs of tables, whose generator starts from a counting model."""

from gan_lightning.algorithms.gan import GAN
from gan_lightning.networks import table_counts


class TableGAN(GAN):
    """GAN whose generator refines rows of a counting model, which counts the training rows before the first iteration.

    Args:
        parts: as for :class:`GAN`; the generator is a :class:`gan_lightning.networks.table_gan.Generator`.
    """

    def on_train_start(self) -> None:
        if self.iteration == 0:
            data = self.trainer.datamodule  # type: ignore[attr-defined]
            # One counting model is in the trained generator, another in the averaged one.
            counting = [module for module in self.modules() if isinstance(module, table_counts.Generator)]
            for content in data.examples.content.split(table_counts.ROWS_AT_ONCE):
                rows = data.modality.encode(content).to(self.device)
                for module in counting:
                    module.count(rows)
        super().on_train_start()
