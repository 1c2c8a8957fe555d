"""GANs whose generator is first trained without a discriminator, as those of super-resolution need."""

import copy
from collections.abc import Callable, Mapping
from typing import Unpack

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lightning.algorithms.gan import GAN
from gan_lightning.algorithms.model import ModelSettings, Weights
from gan_lightning.algorithms.objectives import Objective
from gan_lightning.algorithms.priors import Prior
from gan_lightning.algorithms.regularizers import Regularizer
from gan_lightning.algorithms.terms import GeneratorPass, Term
from gan_lightning.data.datamodule import Batch


class PretrainedGAN(GAN):
    """GAN in two stages: the generator is trained with one term alone, then against the discriminator.

    A GAN that starts with a random generator does not learn to enlarge images (SRGAN, Ledig et al., 2017,
    arXiv:1609.04802). The weights at the end of the first stage are kept, as ``pretrained``. A mean of the weights of
    both stages trades fidelity to the truth against realistic details (ESRGAN, Wang et al., 2018, arXiv:1809.00219).

    Args:
        pretraining: the loss of the first stage.
        pretraining_iterations: number of iterations of the first stage.
        prior, generator, discriminator, objective, generator_optimizer, discriminator_optimizer, regularizer, terms,
            wrappers, discriminator_steps, settings: as for :class:`GAN`.

    Raises:
        ValueError: if the parts cannot work together.
    """

    def __init__(
        self,
        prior: Prior | None,
        generator: nn.Module,
        discriminator: nn.Module,
        objective: Objective,
        generator_optimizer: Callable[..., Optimizer],
        discriminator_optimizer: Callable[..., Optimizer],
        pretraining: Term,
        pretraining_iterations: PositiveInt,
        regularizer: Regularizer | None = None,
        terms: Mapping[str, Term] | None = None,
        wrappers: Mapping[str, Callable[[nn.Module], nn.Module]] | None = None,
        discriminator_steps: PositiveInt = 1,
        **settings: Unpack[ModelSettings],
    ) -> None:
        super().__init__(
            prior,
            generator,
            discriminator,
            objective,
            generator_optimizer,
            discriminator_optimizer,
            regularizer,
            terms,
            wrappers,
            discriminator_steps,
            **settings,
        )
        if self.cuda_graph:
            raise ValueError("cuda_graph=true: one graph cannot hold two stages: cuda_graph=false")
        self.pretraining = pretraining
        self.pretraining_iterations = pretraining_iterations
        self.pretrained = copy.deepcopy(generator).eval().requires_grad_(False)

    @property
    def weights(self) -> list[Weights]:
        second_stage = self.iteration > self.pretraining_iterations
        return [*super().weights, "pretrained"] if second_stage else super().weights

    def update(self, batch: Batch) -> dict[str, Tensor]:
        if self.iteration < self.pretraining_iterations:
            return self.pretrain(batch)
        if self.iteration == self.pretraining_iterations:
            self.keep_pretrained()
        return super().update(batch)

    def pretrain(self, batch: Batch) -> dict[str, Tensor]:
        """Do one iteration of the first stage and return the scalars to log."""
        _, generator_optimizer = self.optimizers()  # type: ignore[attr-defined]
        real, condition = batch
        latent = self.latents(len(real))
        fake = self.generator(latent, condition)
        loss = self.pretraining(self, GeneratorPass(latent, condition, real, fake, fake_logits=None))
        self.minimize(loss, generator_optimizer)
        return {"loss/pretraining": loss.detach()}

    def keep_pretrained(self) -> None:
        """Keep the weights of the first stage, averaged if there is an average, and continue from them."""
        weights = self.generator_of(None).state_dict()
        self.pretrained.load_state_dict(weights)
        self.generator.load_state_dict(weights)

    def generator_of(self, weights: Weights | None) -> nn.Module:
        return self.pretrained if weights == "pretrained" else super().generator_of(weights)

    def blended(self, share: float, weights: Weights | None = None) -> nn.Module:
        """Return a generator whose weights are means of those of both stages.

        Args:
            share: 0 for the first stage alone, 1 for the second alone.
            weights: the generator of the second stage, as for ``sample``.
        """
        blend = copy.deepcopy(self.pretrained)
        second = self.generator_of(weights).state_dict()
        blend.load_state_dict({name: torch.lerp(one, second[name], share) for name, one in blend.state_dict().items()})
        return blend
