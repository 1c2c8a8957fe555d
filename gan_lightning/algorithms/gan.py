"""Two networks, an objective and a stream of batches."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lightning.algorithms.model import Batch, Decay, GenerativeModel, MatmulPrecision
from gan_lightning.algorithms.objectives import Objective, probability
from gan_lightning.algorithms.optimizers import clips_weights
from gan_lightning.algorithms.regularizers import DiscriminatorPass, NoPenalty, Regularizer
from gan_lightning.algorithms.schedules import Schedule
from gan_lightning.networks.wrappers import mixes_samples


class GAN(GenerativeModel):
    """A generative adversarial network (Goodfellow et al., 2014, https://arxiv.org/abs/1406.2661).

    One *iteration* is one call of ``update``: ``discriminator_steps`` updates of the discriminator, each on a
    batch of its own, and one of the generator. ``iteration`` counts them, and everything is logged, scheduled, limited
    and saved by that count (Lightning's ``global_step`` counts every optimizer's steps and so runs faster).

    Args:
        latent_dim: length of the latent vector z.
        prior: (n, latent_dim, device=, generator=) -> latents (n, latent_dim).
        generator: (latent, condition) -> sample.
        discriminator: (sample, condition) -> logits (B, K).
        objective: logits to the two losses.
        generator_optimizer: parameters -> optimizer.
        discriminator_optimizer: parameters -> optimizer.
        regularizer: a penalty on the discriminator.
        wrappers: what is put around the discriminator, from the inside out: name to (discriminator) -> discriminator.
        discriminator_steps: updates of the discriminator for one of the generator.
        learning_rate_schedule: iteration to a factor of both learning rates; None for a constant 1.
        num_classes: of the labels that the networks are given; None for networks that take none.
        ema_decay, seed, matmul_precision, cuda_graph: see :class:`GenerativeModel`.

    Raises:
        ValueError: for parts that cannot work together, with the reason.
    """

    penalty_weight: Tensor

    def __init__(
        self,
        latent_dim: PositiveInt,
        prior: Callable[..., Tensor],
        generator: nn.Module,
        discriminator: nn.Module,
        objective: Objective,
        generator_optimizer: Callable[..., Optimizer],
        discriminator_optimizer: Callable[..., Optimizer],
        regularizer: Regularizer | None = None,
        wrappers: Mapping[str, Callable[[nn.Module], nn.Module]] | None = None,
        discriminator_steps: PositiveInt = 1,
        learning_rate_schedule: Schedule | None = None,
        num_classes: PositiveInt | None = None,
        ema_decay: Decay | None = None,
        seed: int = 0,
        matmul_precision: MatmulPrecision = "highest",
        cuda_graph: bool = False,
    ) -> None:
        super().__init__(generator, latent_dim, prior, num_classes, ema_decay, seed, matmul_precision, cuda_graph)
        if not isinstance(objective, Objective):
            raise ValueError(f"objective {type(objective).__name__} needs discriminator_loss and generator_loss")
        for wrap in (wrappers or {}).values():
            discriminator = wrap(discriminator)
        self.discriminator = discriminator
        self.discriminator_weights = [weight for weight in discriminator.parameters() if weight.requires_grad]
        self.objective = objective
        self.regularizer = regularizer or NoPenalty()
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        self.batches_per_iteration = discriminator_steps
        self.learning_rate_schedule = learning_rate_schedule
        self.register_buffer("penalty_weight", torch.zeros(()), persistent=False)
        self._mixing = mixes_samples(discriminator)
        self._check(wrappers or {})

    def update(self, batch: Batch) -> dict[str, Tensor]:
        discriminator_optimizer, generator_optimizer = self.optimizers()  # type: ignore[attr-defined]

        # The discriminator learns to tell the real from the fake.
        for real, condition in self.batches(batch):
            latent = self.prior(len(real), self.latent_dim, device=self.device)
            fake = self.generator(latent, condition)
            seen = self.judge(real, fake.detach(), condition)
            discriminator_loss = self.objective.discriminator_loss(seen.real_logits, seen.fake_logits)
            penalty = self.penalty_weight * self.regularizer(self.discriminator, seen)
            self.manual_backward(discriminator_loss + penalty)
            discriminator_optimizer.step()
            discriminator_optimizer.zero_grad()

        # The generator learns to make the same fakes pass for real.
        with frozen(self.discriminator_weights):
            compared = getattr(self.objective, "needs_real_logits", False)
            real_logits = self.logits(real, condition) if compared else None
            generator_loss = self.objective.generator_loss(self.logits(fake, condition), real_logits)
        self.manual_backward(generator_loss)
        generator_optimizer.step()
        generator_optimizer.zero_grad()

        return {
            "loss/discriminator": discriminator_loss.detach(),
            "loss/generator": generator_loss.detach(),
            "probability/real": probability(seen.real_logits.detach()),
            "probability/fake": probability(seen.fake_logits.detach()),
        } | ({} if isinstance(self.regularizer, NoPenalty) else {"loss/penalty": penalty.detach()})

    def batches(self, batch: Batch) -> Iterator[Batch]:
        """What each update of the discriminator gets of an iteration's batch."""
        real, condition = batch
        steps = min(self.batches_per_iteration, len(real))
        return zip(real.chunk(steps), condition.chunk(steps), strict=True)

    def judge(self, real: Tensor, fake: Tensor, condition: Tensor | None) -> DiscriminatorPass:
        """D's verdicts on both, in one pass where it judges each sample by itself."""
        if self.regularizer.needs_input_grad:
            real, fake = real.detach().requires_grad_(), fake.requires_grad_()
        if self._mixing:
            real_logits, fake_logits = self.logits(real, condition), self.logits(fake, condition)
        else:
            twice = None if condition is None else torch.cat([condition, condition])
            real_logits, fake_logits = self.logits(torch.cat([real, fake]), twice).chunk(2)
        return DiscriminatorPass(real, fake, condition, real_logits, fake_logits)

    def logits(self, sample: Tensor, condition: Tensor | None) -> Tensor:
        """D's verdicts (B, K), in float32 at least: in bfloat16 a loss would have three digits."""
        logits = self.discriminator(sample, condition)
        return logits.to(torch.promote_types(logits.dtype, torch.float32))

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        super().on_train_batch_start(batch, batch_idx)
        self.penalty_weight.fill_(self.regularizer.weight(self.iteration))
        if self.learning_rate_schedule is not None:
            for optimizer in self.trainer.optimizers:
                for group in optimizer.param_groups:
                    learning_rate = group["initial_lr"] * self.learning_rate_schedule(self.iteration)
                    if isinstance(group["lr"], Tensor):  # that a CUDA graph reads
                        group["lr"].fill_(learning_rate)
                    else:
                        group["lr"] = learning_rate

    def configure_optimizers(self) -> list[Optimizer]:
        optimizers = [
            self.discriminator_optimizer(self.discriminator.parameters()),
            self.generator_optimizer(self.generator.parameters()),
        ]
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["initial_lr"] = group["lr"]
        return optimizers

    def _check(self, wrappers: Mapping[str, object]) -> None:
        """Refuse what would train without learning what it should."""
        none = isinstance(self.regularizer, NoPenalty)
        if not none and self._mixing == "batch norm":
            raise ValueError(
                f"regularizer {type(self.regularizer).__name__} is about single samples, but the discriminator has "
                "batch norm, which mixes them: regularizer=none, or a discriminator without it"
            )
        if self._mixing == "packing" and self.num_classes is not None:
            raise ValueError("pack > 1 judges several samples as one, which have no label in common: conditional=false")
        limited = "spectral_norm" in wrappers or clips_weights(self.discriminator_optimizer)
        if getattr(self.objective, "needs_lipschitz", False) and none and not limited:
            raise ValueError(
                f"objective {type(self.objective).__name__} needs a discriminator of limited slope: "
                "regularizer=gradient_penalty, wrapper=spectral_norm, or experiment=wgan, which clips its weights"
            )


@contextmanager
def frozen(weights: Sequence[nn.Parameter]) -> Iterator[None]:
    """Gradients flow through their network but not into the weights."""
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)
