"""GANs of tables with differential privacy, whose generator refines rows of a counting model."""

from gan_lightning.algorithms.privacy import Mechanism
from gan_lightning.algorithms.private_gan import PrivateGAN
from gan_lightning.algorithms.private_model import check_private_counting
from gan_lightning.algorithms.refiner_gan import RefinerGAN, count_samples
from gan_lightning.networks import table_counts

TableGAN = RefinerGAN  # its name in checkpoints of earlier versions


class PrivateTableGAN(PrivateGAN):
    """Private GAN whose generator refines rows of a counting model with noise.

    Args:
        parts: as for :class:`PrivateGAN`; the generator is a :class:`gan_lightning.networks.table_gan.Generator` whose
            counting model has no tree.
    """

    def _check_parts(self) -> None:
        super()._check_parts()
        check_private_counting(self._counting_models())

    def on_train_start(self) -> None:
        if self.iteration == 0:
            first, *others = self._counting_models()
            count_samples([first], self.data, self.device)
            noise = self.privacy.noise_multiplier(share=self.privacy.counts_share)
            first.add_noise(noise)
            self.privacy.spend(Mechanism(noise))
            for other in others:  # counts with noise of their own would spend the budget again
                other.counts.copy_(first.counts)
        super().on_train_start()

    def _counting_models(self) -> list[table_counts.Generator]:
        """Return the counting models: one in the trained generator, another in the averaged one."""
        return [module for module in self.modules() if isinstance(module, table_counts.Generator)]
