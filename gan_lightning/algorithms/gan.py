"""Two networks, an objective and a stream of batches."""

from collections.abc import Callable, Iterator, Mapping
from typing import Unpack

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lightning.algorithms.model import GenerativeModel, ModelSettings, evaluating, frozen
from gan_lightning.algorithms.objectives import Objective, probability
from gan_lightning.algorithms.optimizers import clips_weights
from gan_lightning.algorithms.priors import Prior
from gan_lightning.algorithms.regularizers import DiscriminatorPass, NoPenalty, Regularizer
from gan_lightning.algorithms.terms import GeneratorPass, Term
from gan_lightning.data.datamodule import Batch
from gan_lightning.modalities.samples import Sample, Shape, cat, chunk, each, size
from gan_lightning.networks.wrappers import limits_slope, mixes_samples


class GAN(GenerativeModel):
    """A generative adversarial network (Goodfellow et al., 2014, https://arxiv.org/abs/1406.2661).

    One *iteration* is one call of ``update``: ``discriminator_steps`` updates of the discriminator, each on a
    batch of its own, and one of the generator. ``iteration`` counts them, and everything is logged, scheduled, limited
    and saved by that count (Lightning's ``global_step`` counts every optimizer's steps and so runs faster).

    Args:
        prior: n -> latents (n, *shape); None for a generator that the condition alone decides.
        generator: (latent, condition) -> sample.
        discriminator: (sample, condition) -> logits (B, K).
        objective: logits to the two losses.
        generator_optimizer: parameters -> optimizer.
        discriminator_optimizer: parameters -> optimizer.
        regularizer: a penalty on the discriminator.
        terms: of the generator's loss, beside the objective, by name.
        wrappers: what is put around the discriminator, from the inside out: name to (discriminator) -> discriminator.
        discriminator_steps: updates of the discriminator for one of the generator.
        settings: see :class:`GenerativeModel`.

    Raises:
        ValueError: for parts that cannot work together, with the reason.
    """

    penalty_weight: Tensor
    term_weights: Tensor

    def __init__(
        self,
        prior: Prior | None,
        generator: nn.Module,
        discriminator: nn.Module,
        objective: Objective,
        generator_optimizer: Callable[..., Optimizer],
        discriminator_optimizer: Callable[..., Optimizer],
        regularizer: Regularizer | None = None,
        terms: Mapping[str, Term] | None = None,
        wrappers: Mapping[str, Callable[[nn.Module], nn.Module]] | None = None,
        discriminator_steps: PositiveInt = 1,
        **settings: Unpack[ModelSettings],
    ) -> None:
        super().__init__(generator, prior, **settings)
        if not isinstance(objective, Objective):
            raise ValueError(f"objective {type(objective).__name__} needs discriminator_loss and generator_loss")
        for wrap in (wrappers or {}).values():
            discriminator = wrap(discriminator)
        self.discriminator = discriminator
        self.discriminator_weights = [weight for weight in discriminator.parameters() if weight.requires_grad]
        self.objective = objective
        self.regularizer = regularizer or NoPenalty()
        self.terms = dict(terms or {})
        self.term_networks = nn.ModuleList(term for term in self.terms.values() if isinstance(term, nn.Module))
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        self.batches_per_iteration = discriminator_steps
        self.register_buffer("penalty_weight", torch.zeros(()), persistent=False)
        self.register_buffer("term_weights", torch.zeros(len(self.terms)), persistent=False)
        self._mixing = mixes_samples(discriminator)
        self._check()

    def update(self, batch: Batch) -> dict[str, Tensor]:
        discriminator_optimizer, generator_optimizer = self.optimizers()  # type: ignore[attr-defined]

        # The discriminator learns to tell the real from the fake.
        for real, condition in self.batches(batch):
            latent = self.latents(size(real))
            fake = self.generator(latent, condition)
            seen = self.discriminate(real, each(Tensor.detach, fake), condition)
            discriminator_loss = self.objective.discriminator_loss(seen.real_logits, seen.fake_logits)
            penalty = self.penalty_weight * self.regularizer(self.discriminator, seen)
            self.minimize(discriminator_loss + penalty, discriminator_optimizer)

        # The generator learns to make the same fakes pass for real.
        with frozen(self.discriminator_weights):
            compared = getattr(self.objective, "needs_real_logits", False)
            real_logits = self.logits(real, condition) if compared else None
            fake_logits = self.logits(fake, condition)
            generator_loss = self.objective.generator_loss(fake_logits, real_logits)
            terms = self.generator_terms(GeneratorPass(latent, condition, real, fake, fake_logits))
        self.minimize(self.total(generator_loss, terms), generator_optimizer)

        return {
            "loss/discriminator": discriminator_loss.detach(),
            "loss/generator": generator_loss.detach(),
            "probability/real": probability(seen.real_logits.detach()),
            "probability/fake": probability(seen.fake_logits.detach()),
            **({} if isinstance(self.regularizer, NoPenalty) else {"loss/penalty": penalty.detach()}),
            **{f"loss/{name}": term.detach() for name, term in terms.items()},
        }

    def batches(self, batch: Batch) -> Iterator[Batch]:
        """Yield what each update of the discriminator gets of an iteration's batch."""
        steps = min(self.batches_per_iteration, size(batch.real))
        reals = chunk(batch.real, steps)
        conditions = [None] * len(reals) if batch.condition is None else chunk(batch.condition, steps)
        return map(Batch, reals, conditions)

    def discriminate(self, real: Sample, fake: Sample, condition: Sample | None) -> DiscriminatorPass:
        """Return D's logits of both, from one pass where D sees each sample by itself."""
        if self.regularizer.needs_input_grad:
            real, fake = (each(lambda one: one.detach().requires_grad_(), sample) for sample in (real, fake))
        if self._mixing:
            real_logits, fake_logits = self.logits(real, condition), self.logits(fake, condition)
        else:
            twice = None if condition is None else cat([condition, condition])
            real_logits, fake_logits = self.logits(cat([real, fake]), twice).chunk(2)
        return DiscriminatorPass(real, fake, condition, real_logits, fake_logits)

    def logits(self, sample: Sample, condition: Sample | None) -> Tensor:
        """Return D's logits (B, K), in float32 at least: in bfloat16 a loss would have three digits."""
        logits = self.discriminator(sample, condition)
        return logits.to(torch.promote_types(logits.dtype, torch.float32))

    def generator_terms(self, seen: GeneratorPass) -> dict[str, Tensor]:
        """Return each term of the generator's loss by name, without its weight."""
        return {name: term(self, seen) for name, term in self.terms.items()}

    def total(self, loss: Tensor, terms: Mapping[str, Tensor]) -> Tensor:
        """Return the generator's loss with its weighted terms."""
        return loss + self.term_weights @ torch.stack(list(terms.values())) if terms else loss

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        super().on_train_batch_start(batch, batch_idx)
        self.penalty_weight.fill_(self.regularizer.weight(self.iteration))
        for i, term in enumerate(self.terms.values()):
            self.term_weights[i] = term.weight(self.iteration)

    @torch.no_grad()
    def try_out(self, sample_shape: Shape, condition: Sample | None) -> Sample:
        sample = super().try_out(sample_shape, condition)
        with evaluating(self.discriminator):
            self.logits(sample, condition)
        return sample

    def training_pass(self, batch: Batch) -> list[Tensor]:
        made = []
        for part in self.batches(batch):
            made += [*super().training_pass(part), self.logits(part.real, part.condition)]
        return made

    def make_optimizers(self) -> list[Optimizer]:
        return [
            self.discriminator_optimizer(self.discriminator.parameters()),
            self.generator_optimizer([*self.generator.parameters(), *self.term_networks.parameters()]),
        ]

    def _check(self) -> None:
        """Refuse what would train without learning what it should."""
        none = isinstance(self.regularizer, NoPenalty)
        if not none and self._mixing == "batch norm":
            raise ValueError(
                f"regularizer {type(self.regularizer).__name__} is about single samples, but the discriminator has "
                "batch norm, which mixes them: regularizer=none, or a discriminator without it"
            )
        if self.prior is None and any(getattr(term, "needs_latent", False) for term in self.terms.values()):
            raise ValueError(f"terms {', '.join(self.terms)}: a term compares latents, but the model has no prior")
        limited = limits_slope(self.discriminator) or clips_weights(self.discriminator_optimizer)
        if getattr(self.objective, "needs_lipschitz", False) and none and not limited:
            raise ValueError(
                f"objective {type(self.objective).__name__} needs a discriminator of limited slope: "
                "regularizer=gradient_penalty, wrapper=spectral_norm, or experiment=wgan, which clips its weights"
            )
