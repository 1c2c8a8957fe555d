"""Generative adversarial networks: a generator and a discriminator trained against each other."""

from collections.abc import Callable, Iterator, Mapping
from typing import Unpack

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lightning.algorithms.discrimination import check_discriminator, discriminate, logits_of
from gan_lightning.algorithms.model import GenerativeModel, ModelSettings, evaluating, frozen
from gan_lightning.algorithms.objectives import Objective, probability
from gan_lightning.algorithms.priors import Prior
from gan_lightning.algorithms.regularizers import DiscriminatorPass, NoPenalty, Regularizer
from gan_lightning.algorithms.terms import GeneratorPass, Term
from gan_lightning.data.datamodule import Batch
from gan_lightning.modalities.samples import Sample, Shape, chunk, each, size
from gan_lightning.networks.wrappers import Scheduled, mixes_samples


class GAN(GenerativeModel):
    """Generative adversarial network (Goodfellow et al., 2014, https://arxiv.org/abs/1406.2661).

    One *iteration* is one call of ``update``: ``discriminator_steps`` updates of the discriminator, each on a separate
    batch, and one update of the generator. Logs, schedules, limits and checkpoints all count iterations. Lightning's
    ``global_step`` counts the steps of every optimizer, and is therefore larger.

    Args:
        prior: n -> latents (n, *shape); None for a generator whose only input is the condition.
        generator: (latent, condition) -> sample.
        discriminator: (sample, condition) -> logits (B, K).
        objective: the losses of both networks.
        generator_optimizer: parameters -> optimizer.
        discriminator_optimizer: parameters -> optimizer.
        regularizer: the penalty on the discriminator; None for no penalty.
        terms: further terms of the generator's loss, by name.
        wrappers: functions (discriminator) -> discriminator by name, applied in this order.
        discriminator_steps: number of discriminator updates per generator update.
        settings: see :class:`GenerativeModel`.

    Raises:
        ValueError: if the parts cannot work together.
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
        self._scheduled = [module for module in discriminator.modules() if isinstance(module, Scheduled)]
        self._check_parts()

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
            needs_real_logits = getattr(self.objective, "needs_real_logits", False)
            real_logits = self.logits(real, condition) if needs_real_logits else None
            fake_logits = self.logits(fake, condition)
            generator_loss = self.objective.generator_loss(fake_logits, real_logits)
            terms = self.generator_terms(GeneratorPass(latent, condition, real, fake, fake_logits))
        self.minimize(self.add_terms(generator_loss, terms), generator_optimizer)

        return {
            "loss/discriminator": discriminator_loss.detach(),
            "loss/generator": generator_loss.detach(),
            "probability/real": probability(seen.real_logits.detach()),
            "probability/fake": probability(seen.fake_logits.detach()),
            **({} if isinstance(self.regularizer, NoPenalty) else {"loss/penalty": penalty.detach()}),
            **{f"loss/{name}": term.detach() for name, term in terms.items()},
        }

    def batches(self, batch: Batch) -> Iterator[Batch]:
        """Yield the batch of each discriminator update, as parts of an iteration's batch."""
        steps = min(self.batches_per_iteration, size(batch.real))
        reals = chunk(batch.real, steps)
        conditions = [None] * len(reals) if batch.condition is None else chunk(batch.condition, steps)
        return map(Batch, reals, conditions)

    def discriminate(self, real: Sample, fake: Sample, condition: Sample | None) -> DiscriminatorPass:
        """Return D's logits of reals and fakes, from a single pass unless D mixes the samples of a batch."""
        return discriminate(
            self.logits,
            real,
            fake,
            condition,
            needs_input_grad=self.regularizer.needs_input_grad,
            mixing=self._mixing is not None,
        )

    def logits(self, sample: Sample, condition: Sample | None) -> Tensor:
        """Return D's logits (B, K) in float32 or wider."""
        return logits_of(self.discriminator, sample, condition)

    def generator_terms(self, seen: GeneratorPass) -> dict[str, Tensor]:
        """Return the terms of the generator's loss by name, without their weights."""
        return {name: term(self, seen) for name, term in self.terms.items()}

    def add_terms(self, loss: Tensor, terms: Mapping[str, Tensor]) -> Tensor:
        """Return the generator's loss plus its weighted terms."""
        return loss + self.term_weights @ torch.stack(list(terms.values())) if terms else loss

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        super().on_train_batch_start(batch, batch_idx)
        self.penalty_weight.fill_(self.regularizer.weight(self.iteration))
        for i, term in enumerate(self.terms.values()):
            self.term_weights[i] = term.weight(self.iteration)
        for module in self._scheduled:
            module.set_iteration(self.iteration)

    @torch.no_grad()
    def check_networks(self, sample_shape: Shape, condition: Sample | None) -> Sample:
        sample = super().check_networks(sample_shape, condition)
        with evaluating(self.generator), evaluating(self.discriminator), torch.random.fork_rng(devices=[]):
            logits = self.logits(sample, condition)
            self.generator_terms(GeneratorPass(self.latents(size(sample)), condition, sample, sample, logits))
        return sample

    def run_networks(self, batch: Batch) -> list[Tensor]:
        outputs = []
        for part in self.batches(batch):
            outputs += [*super().run_networks(part), self.logits(part.real, part.condition)]
        return outputs

    def make_optimizers(self) -> list[Optimizer]:
        return [
            self.discriminator_optimizer(self.discriminator.parameters()),
            self.generator_optimizer([*self.generator.parameters(), *self.term_networks.parameters()]),
        ]

    def _check_parts(self) -> None:
        """Raise ValueError for parts that would train, but not as their papers intend."""
        check_discriminator(self.discriminator, self.objective, self.regularizer, self.discriminator_optimizer)
        if self.prior is None and any(getattr(term, "needs_latent", False) for term in self.terms.values()):
            raise ValueError(
                f"terms {', '.join(self.terms)}: a term compares latents, but the model has no prior: "
                "remove the term, or set a prior"
            )
