"""GANs with differential privacy: the discriminator sees the real rows through clipped gradients with noise."""

from collections.abc import Callable, Mapping
from typing import Unpack

import torch
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.func import functional_call, grad, grad_and_value, vmap
from torch.optim import Optimizer

from gan_lightning.algorithms.gan import GAN
from gan_lightning.algorithms.model import ModelSettings, frozen
from gan_lightning.algorithms.objectives import Objective
from gan_lightning.algorithms.priors import Prior
from gan_lightning.algorithms.privacy import DifferentialPrivacy, Mechanism
from gan_lightning.algorithms.private_model import PrivateModel
from gan_lightning.algorithms.regularizers import NoPenalty, Regularizer
from gan_lightning.algorithms.terms import Term
from gan_lightning.data.datamodule import Batch
from gan_lightning.modalities.samples import size
from gan_lightning.networks.wrappers import mixes_samples
from gan_lightning.system.randomness import secret_normal

PAIRS_AT_ONCE = 32  # pairs whose gradients are in memory: few enough for the processor's cache


class PrivateGAN(PrivateModel, GAN):
    """GAN whose discriminator is trained by DP-SGD (Abadi et al., 2016, arXiv:1607.00133), the generator as usual.

    Each row of a batch comes with a fake of its own. The gradient of the loss of such a pair is clipped to a norm of
    ``clip_norm``, the sum over the batch gets Gaussian noise, and the discriminator takes a step. Batches are Poisson
    samples of the rows. The generator sees only the discriminator, so samples are as private as the discriminator
    (Xie et al., 2018, arXiv:1802.06739).

    An iteration is one update of the discriminator; every ``discriminator_steps``-th also updates the generator (Bie et
    al., 2023, arXiv:2302.02936). The noise is chosen such that ``iterations`` iterations spend the budget. It comes
    from the operating system, not from the seed, which is public: two runs are never equal.

    Args:
        privacy: the budget.
        iterations: number of iterations of the whole run.
        clip_norm: largest norm of the gradient of one pair.
        slope_weight: γ of R1 + R2, ½ γ (‖∇D(x)‖² + ‖∇D(G(z))‖²), in the loss of a pair.
        discriminator_steps: number of iterations for each update of the generator.
        prior, generator, discriminator, objective, generator_optimizer, discriminator_optimizer, regularizer, terms,
        wrappers, settings: as for :class:`GAN`. Regularizers and terms must be none.

    Raises:
        ValueError: if rows would be published without noise.
    """

    poisson_sampling = True

    def __init__(
        self,
        prior: Prior,
        generator: nn.Module,
        discriminator: nn.Module,
        objective: Objective,
        generator_optimizer: Callable[..., Optimizer],
        discriminator_optimizer: Callable[..., Optimizer],
        privacy: DifferentialPrivacy | None,
        iterations: PositiveInt | None,
        clip_norm: PositiveFloat | None,
        slope_weight: NonNegativeFloat = 0.0,
        regularizer: Regularizer | None = None,
        terms: Mapping[str, Term] | None = None,
        wrappers: Mapping[str, Callable[[nn.Module], nn.Module]] | None = None,
        discriminator_steps: PositiveInt = 1,
        **settings: Unpack[ModelSettings],
    ) -> None:
        super().__init__(
            prior, generator, discriminator, objective, generator_optimizer, discriminator_optimizer, regularizer,
            terms, wrappers, privacy=privacy, **settings,
        )  # fmt: skip
        if clip_norm is None:
            raise ValueError("clip_norm=null: without clipping, one row can move the discriminator by any amount")
        if iterations is None:
            raise ValueError("max_iterations=null: the noise depends on the number of iterations: set max_iterations")
        self.iterations = iterations
        self.clip_norm = clip_norm
        self.slope_weight = slope_weight
        self.discriminator_steps = discriminator_steps

    def on_train_start(self) -> None:
        super().on_train_start()
        self.batch_size = self.data.batch_size  # the expected one: how many rows a batch has is a secret
        sample_rate = self.batch_size / self.data.epoch_size
        noise = self.privacy.noise_multiplier(sample_rate, max(self.iterations - self.iteration, 1))
        self.mechanism = Mechanism(noise, sample_rate)

    def update(self, batch: Batch) -> dict[str, Tensor]:
        discriminator_optimizer, generator_optimizer = self.optimizers()  # type: ignore[attr-defined]

        # The discriminator learns to tell the real from the fake. Each row has a bounded influence on it.
        assert isinstance(batch.real, Tensor)
        with torch.no_grad():
            fake = self.generator(self.latents(size(batch.real)), None)
        self.privacy.spend(self.mechanism)
        scalars = self.set_private_gradients(batch.real, fake)
        discriminator_optimizer.step()
        discriminator_optimizer.zero_grad()

        # The generator learns to make fakes pass for real. It sees no row.
        if (self.iteration + 1) % self.discriminator_steps == 0:
            with frozen(self.discriminator_weights):
                fake_logits = self.logits(self.generator(self.latents(self.batch_size), None), None)
                generator_loss = self.objective.generator_loss(fake_logits)
            self.minimize(generator_loss, generator_optimizer)
            scalars["loss/generator"] = generator_loss.detach()
        return scalars

    def set_private_gradients(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Set the gradients of the discriminator to clipped ones of pairs, with noise; return scalars to log.

        Args:
            real: (B, …), a Poisson sample of the rows, which may be empty.
            fake: (B, …), a fake for each row.
        """
        named = {name: one for name, one in self.discriminator.named_parameters() if one.requires_grad}
        weights = {name: one.detach() for name, one in named.items()}
        totals = [torch.zeros_like(one) for one in weights.values()]
        loss_sum, clipped = torch.zeros(2, device=self.device)
        parts = zip(real.split(PAIRS_AT_ONCE), fake.split(PAIRS_AT_ONCE), strict=True) if len(real) else ()
        for reals, fakes in parts:
            gradients, losses = pair_gradients(self.pair_loss, weights, reals, fakes)
            factors = clipping_factors(gradients, self.clip_norm)
            for total, one in zip(totals, gradients, strict=True):
                total += torch.tensordot(factors, one, 1)
            loss_sum += losses.sum()
            clipped += (factors < 1).sum()
        for weight, total in zip(named.values(), totals, strict=True):
            noise = self.mechanism.noise_multiplier * self.clip_norm * secret_normal(total.shape, self.device)
            weight.grad = (total + noise) / self.batch_size
        drawn = max(len(real), 1)
        return {"loss/discriminator": loss_sum / drawn, "privacy/clipped_share": clipped / drawn}

    def pair_loss(self, weights: dict[str, Tensor], real: Tensor, fake: Tensor) -> Tensor:
        """Return the loss () of the discriminator with these weights for one row and one fake, both without a batch."""

        def logits(sample: Tensor) -> Tensor:
            return functional_call(self.discriminator, weights, (sample[None], None)).float()

        loss = self.objective.discriminator_loss(logits(real), logits(fake))
        if self.slope_weight:
            slope = grad(lambda sample: logits(sample).mean())
            loss = loss + self.slope_weight / 2 * (slope(real).square().sum() + slope(fake).square().sum())
        return loss

    def _check_parts(self) -> None:
        """Raise ValueError if a part reads rows without noise, or mixes the rows of a batch."""
        super()._check_parts()
        if getattr(self.objective, "needs_real_logits", False):
            raise ValueError(
                f"objective {type(self.objective).__name__}: its generator's loss reads the rows without noise: "
                "objective=non_saturating"
            )
        if not isinstance(self.regularizer, NoPenalty):
            raise ValueError(
                f"regularizer {type(self.regularizer).__name__}: is not part of the clipped gradients: set "
                "regularizer=none, and model.slope_weight=… for R1 + R2"
            )
        if self.terms:
            raise ValueError(f"terms {', '.join(self.terms)}: may read the rows without noise: leave them out")
        if mixing := mixes_samples(self.discriminator):
            raise ValueError(f"discriminator: {mixing} mixes the rows of a batch, so none can be clipped: leave it out")
        if self.cuda_graph:
            raise ValueError("cuda_graph=true: batches of Poisson sampling have no fixed size: cuda_graph=false")


def pair_gradients(
    loss: Callable[..., Tensor], weights: dict[str, Tensor], real: Tensor, fake: Tensor
) -> tuple[list[Tensor], Tensor]:
    """Return the gradients of the loss of each pair, (B, *weight.shape) for each weight, and the losses (B,)."""
    gradients, losses = vmap(grad_and_value(loss), (None, 0, 0), randomness="different")(weights, real, fake)
    return list(gradients.values()), losses


def clipping_factors(gradients: list[Tensor], norm: float) -> Tensor:
    """Return the factors (B,), at most 1, that limit the norms of the gradients (B, …) of all weights together."""
    norms = torch.stack([torch.linalg.vector_norm(one.flatten(1), dim=1) for one in gradients]).norm(dim=0)
    return (norm / norms.clamp(min=1e-12)).clamp(max=1)
