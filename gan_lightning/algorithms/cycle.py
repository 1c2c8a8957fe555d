"""CycleGAN: translates between two domains of images, without pairs."""

import copy
from collections.abc import Callable, Mapping
from typing import Unpack

import torch
from pydantic import NonNegativeFloat
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lightning.algorithms.averaging import Averaging
from gan_lightning.algorithms.discrimination import check_discriminator, discriminate, logits_of
from gan_lightning.algorithms.history import HistoryPool
from gan_lightning.algorithms.model import GenerativeModel, ModelSettings, Weights, evaluating, frozen
from gan_lightning.algorithms.objectives import Objective, probability
from gan_lightning.algorithms.regularizers import DiscriminatorPass, NoPenalty, Regularizer
from gan_lightning.data.datamodule import Batch
from gan_lightning.modalities.samples import Sample, Shape, shape
from gan_lightning.networks.wrappers import Scheduled, mixes_samples
from gan_lightning.system.distributed import copy_buffers_from_first


class CycleGAN(GenerativeModel):
    """Two generators that undo each other's translations (Zhu et al., 2017, https://arxiv.org/abs/1703.10593).

    Samples are images of domain B, conditions are images of domain A. Their orders are independent. The generator
    translates A → B, the backward generator B → A; each has a discriminator of its results.

    Args:
        generator: (None, image of A) -> image of B.
        backward_generator: (None, image of B) -> image of A.
        discriminator: (image of B, None) -> logits (B, K).
        backward_discriminator: (image of A, None) -> logits (B, K).
        objective: the losses of generators and discriminators.
        generator_optimizer: parameters -> optimizer, for both generators.
        discriminator_optimizer: parameters -> optimizer, for both discriminators.
        regularizer: the penalty on both discriminators; None for no penalty.
        wrappers: functions (discriminator) -> discriminator by name, applied to both in this order.
        pool: earlier fakes of domain B that the discriminator sees too; None to see new ones only.
        backward_pool: the same for domain A.
        cycle_weight: λ, weight of the mean absolute error after there and back; 10 in the paper.
        identity_weight: weight of the mean absolute change of images that are in the generator's target domain
            already; 5 in the paper's code, 0 for domains of different channels.
        cycle_noise: standard deviation of noise that is added to a translation before it is translated back, so that
            it cannot hide the original in details that nobody sees (Chu et al., 2017, arXiv:1712.02950).
        settings: see :class:`GenerativeModel`.

    Raises:
        ValueError: if the parts cannot work together.
    """

    penalty_weight: Tensor

    def __init__(
        self,
        generator: nn.Module,
        backward_generator: nn.Module,
        discriminator: nn.Module,
        backward_discriminator: nn.Module,
        objective: Objective,
        generator_optimizer: Callable[..., Optimizer],
        discriminator_optimizer: Callable[..., Optimizer],
        regularizer: Regularizer | None = None,
        wrappers: Mapping[str, Callable[[nn.Module], nn.Module]] | None = None,
        pool: HistoryPool | None = None,
        backward_pool: HistoryPool | None = None,
        cycle_weight: NonNegativeFloat = 10.0,
        identity_weight: NonNegativeFloat = 5.0,
        cycle_noise: NonNegativeFloat = 0.0,
        **settings: Unpack[ModelSettings],
    ) -> None:
        super().__init__(generator, None, **settings)
        for wrap in (wrappers or {}).values():
            discriminator, backward_discriminator = wrap(discriminator), wrap(backward_discriminator)
        self.backward_generator = backward_generator
        self.backward_ema = None if self.ema is None else copy.deepcopy(backward_generator).eval().requires_grad_(False)
        self.discriminator = discriminator
        self.backward_discriminator = backward_discriminator
        discriminators = nn.ModuleList([discriminator, backward_discriminator])
        self.discriminator_weights = [weight for weight in discriminators.parameters() if weight.requires_grad]
        self.objective = objective
        self.regularizer = regularizer or NoPenalty()
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        self.pool = pool or nn.Identity()
        self.backward_pool = backward_pool or nn.Identity()
        self.cycle_weight = cycle_weight
        self.identity_weight = identity_weight
        self.cycle_noise = cycle_noise
        self.register_buffer("penalty_weight", torch.zeros(()), persistent=False)
        self._scheduled = [module for module in discriminators.modules() if isinstance(module, Scheduled)]
        for one in discriminators:
            check_discriminator(one, objective, self.regularizer, discriminator_optimizer)

    def update(self, batch: Batch) -> dict[str, Tensor]:
        discriminator_optimizer, generator_optimizer = self.optimizers()  # type: ignore[attr-defined]
        b, a = batch
        assert isinstance(b, Tensor)
        assert isinstance(a, Tensor)
        fake_b, fake_a = self.generator(None, a), self.backward_generator(None, b)

        # Each discriminator learns to tell real images from translations, of which some are earlier ones.
        seen_b = self.discriminate(self.discriminator, b, self.pool(fake_b.detach()))
        seen_a = self.discriminate(self.backward_discriminator, a, self.backward_pool(fake_a.detach()))
        discriminator_loss = self.discriminator_loss(seen_b) + self.discriminator_loss(seen_a)
        penalty = self.penalty_weight * (
            self.regularizer(self.discriminator, seen_b) + self.regularizer(self.backward_discriminator, seen_a)
        )
        self.minimize(discriminator_loss + penalty, discriminator_optimizer)

        # The generators learn to make translations pass for real, to undo each other, and to leave alone what is in
        # their target domain already.
        with frozen(self.discriminator_weights):
            generator_loss = self.generator_loss(self.discriminator, b, fake_b)
            generator_loss = generator_loss + self.generator_loss(self.backward_discriminator, a, fake_a)
        cycle = distance(self.backward_generator(None, self.noisy(fake_b)), a)
        cycle = cycle + distance(self.generator(None, self.noisy(fake_a)), b)
        identity = self.identity_loss(a, b) if self.identity_weight else torch.zeros_like(cycle)
        loss = generator_loss + self.cycle_weight * cycle + self.identity_weight * identity
        self.minimize(loss, generator_optimizer)

        return {
            "loss/discriminator": discriminator_loss.detach(),
            "loss/generator": generator_loss.detach(),
            "loss/cycle": cycle.detach(),
            **({"loss/identity": identity.detach()} if self.identity_weight else {}),
            **({} if isinstance(self.regularizer, NoPenalty) else {"loss/penalty": penalty.detach()}),
            "probability/real": probability(seen_b.real_logits.detach()),
            "probability/fake": probability(seen_b.fake_logits.detach()),
        }

    def discriminate(self, discriminator: nn.Module, real: Tensor, fake: Tensor) -> DiscriminatorPass:
        """Return a discriminator's logits of real images and of translations."""
        return discriminate(
            lambda sample, condition: logits_of(discriminator, sample, condition),
            real,
            fake,
            None,
            needs_input_grad=self.regularizer.needs_input_grad,
            mixing=mixes_samples(discriminator) is not None,
        )

    def discriminator_loss(self, seen: DiscriminatorPass) -> Tensor:
        return self.objective.discriminator_loss(seen.real_logits, seen.fake_logits)

    def generator_loss(self, discriminator: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        needs_real_logits = getattr(self.objective, "needs_real_logits", False)
        real_logits = logits_of(discriminator, real, None) if needs_real_logits else None
        return self.objective.generator_loss(logits_of(discriminator, fake, None), real_logits)

    def identity_loss(self, a: Tensor, b: Tensor) -> Tensor:
        return distance(self.generator(None, b), b) + distance(self.backward_generator(None, a), a)

    def noisy(self, images: Tensor) -> Tensor:
        return images + self.cycle_noise * torch.randn_like(images) if self.cycle_noise else images

    def backward_of(self, weights: Weights | None) -> nn.Module:
        """Return the generator B → A of these weights; of None, the preferred one."""
        return self.backward_ema if self.backward_ema is not None and weights != "raw" else self.backward_generator

    def on_train_start(self) -> None:
        super().on_train_start()
        if self.ema is not None and self.backward_ema is not None and self.ema_decay is not None:
            averages = nn.ModuleList([self.ema, self.backward_ema])
            generators = nn.ModuleList([self.generator, self.backward_generator])
            self._averaging = Averaging(averages, generators, self.ema_decay)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        super().on_train_batch_start(batch, batch_idx)
        self.penalty_weight.fill_(self.regularizer.weight(self.iteration))
        for module in self._scheduled:
            module.set_iteration(self.iteration)
        for pool in (self.pool, self.backward_pool):
            copy_buffers_from_first(pool)

    @torch.no_grad()
    def check_networks(self, sample_shape: Shape, condition: Sample | None) -> Sample:
        if not isinstance(condition, Tensor) or condition.dim() != 4:
            raise ValueError("CycleGAN translates images, but the data have no images to translate: data=unpaired")
        sample = super().check_networks(sample_shape, condition)
        assert isinstance(sample, Tensor)
        with evaluating(self.backward_generator):
            back = self.backward_generator(None, sample)
        if shape(back) != shape(condition):
            raise ValueError(f"backward_generator makes images of shape {shape(back)}, domain A has {shape(condition)}")
        if self.identity_weight and shape(sample) != shape(condition):
            raise ValueError(
                f"identity_weight={self.identity_weight}: needs equal shapes in both domains, not {shape(condition)} "
                f"and {shape(sample)}: identity_weight=0"
            )
        for discriminator, images in ((self.discriminator, sample), (self.backward_discriminator, back)):
            with evaluating(discriminator):
                logits_of(discriminator, images, None)
        return sample

    def run_networks(self, batch: Batch) -> list[Tensor]:
        b, a = batch
        assert a is not None
        translated = [*super().run_networks(batch), self.backward_generator(None, b)]
        return [*translated, logits_of(self.discriminator, b, None), logits_of(self.backward_discriminator, a, None)]

    def make_optimizers(self) -> list[Optimizer]:
        discriminators = [*self.discriminator.parameters(), *self.backward_discriminator.parameters()]
        generators = [*self.generator.parameters(), *self.backward_generator.parameters()]
        return [self.discriminator_optimizer(discriminators), self.generator_optimizer(generators)]


def distance(images: Tensor, others: Tensor) -> Tensor:
    """Return the mean absolute difference () of images (B, C, H, W)."""
    return (images - others).abs().mean()
