"""Alarm for collapsed runs: mode collapse and failed discriminators, which losses do not show."""

import logging
from collections.abc import Mapping
from typing import Any

import lightning.pytorch as L
from pydantic import NonNegativeInt, PositiveInt

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.callbacks import Watcher, data_of, keep_metrics, log_metrics
from gan_lightning.callbacks.evaluation import prepared_evaluator, sample_metrics
from gan_lightning.callbacks.loggers import log_writers
from gan_lightning.errors import Diverged, UserError
from gan_lightning.metrics.evaluator import Evaluator
from gan_lightning.metrics.metric import Metrics
from gan_lightning.metrics.reference import NotEvaluated

log = logging.getLogger(__name__)

REMEDIES = (
    "usual remedies: lower model.discriminator_optimizer.lr, set betas=[0.5,0.999] in both optimizers, "
    "raise data.batch_size, change seed; some runs recover"
)


class CollapseAlarm(Watcher):
    """Callback that logs cheap metrics as ``quality/*``, and raises an alarm when two checks in a row show a collapse.

    The alarm is a warning in the log, the scalar ``alarm/collapsed``, a text on the dashboard, and a line of the
    closing summary. It ends with the first check that shows no collapse. Samples are compared with training examples.
    If they cannot be evaluated, only the discriminator is checked, if the model has one.

    Args:
        every_n_iterations: iterations between two checks.
        n: number of samples in a check; fewer if there are not as many real examples.
        seed: seed of the latents.
    """

    def __init__(self, every_n_iterations: PositiveInt, n: PositiveInt, seed: NonNegativeInt) -> None:
        self.every_n_iterations = every_n_iterations
        self.n = n
        self.seed = seed
        self._evaluator: Evaluator | None = None
        self._metrics: Metrics = {}
        self._suspected = False  # True if the last check showed a collapse
        self._collapses: list[dict[str, Any]] = []  # with keys since, until (None while it lasts) and why

    @property
    def alarm_active(self) -> bool:
        return bool(self._collapses) and self._collapses[-1]["until"] is None

    def on_fit_start(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        keep_metrics(trainer, self._metrics)
        if trainer.is_global_zero:
            try:
                self._evaluator = prepared_evaluator(data_of(trainer), self.n, "train")
            except NotEvaluated as reason:
                log.info("the alarm does not check samples: %s", reason)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: GenerativeModel, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.is_global_zero and pl_module.iteration % self.every_n_iterations == 0:
            self._check(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        return {"metrics": self._metrics, "suspected": self._suspected, "collapses": self._collapses}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._metrics = state_dict["metrics"]
        self._suspected = state_dict["suspected"]
        self._collapses = state_dict["collapses"]

    def report(self) -> list[str]:
        lines = (
            f"collapsed from iteration {collapse['since']:,} "
            + ("on" if collapse["until"] is None else f"to {collapse['until']:,}")
            + f": {collapse['why']}"
            for collapse in self._collapses
        )
        return [f"{'alarm':<11} {line}" for line in lines] + ([f"{'':<11} {REMEDIES}"] if self.alarm_active else [])

    def record(self) -> dict[str, Any]:
        """Return when the alarm rang, why, and when the run recovered."""
        return {"collapses": self._collapses} if self._collapses else {}

    def _check(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        quality, reasons = self._check_samples(trainer, pl_module)
        reasons += discriminator_failures({name: value.item() for name, value in trainer.callback_metrics.items()})
        if reasons and self._suspected and not self.alarm_active:
            self._raise_alarm(trainer, pl_module.iteration, "; ".join(reasons))
        elif not reasons and self.alarm_active:
            self._collapses[-1]["until"] = pl_module.iteration
            log.info("alarm: the run has recovered by iteration %s", f"{pl_module.iteration:,}")
        self._suspected = bool(reasons)
        self._metrics = {f"quality/{name}": value for name, value in quality.items()}
        self._metrics["alarm/collapsed"] = float(self.alarm_active)
        log_metrics(trainer, self._metrics, pl_module.iteration)

    def _check_samples(self, trainer: L.Trainer, pl_module: GenerativeModel) -> tuple[Metrics, list[str]]:
        """Return cheap metrics of samples, and the signs of a collapse; neither if they cannot be evaluated."""
        if self._evaluator is None:
            return {}, []
        try:
            quality = sample_metrics(self._evaluator, pl_module, data_of(trainer), self.seed, quick=True)
            return quality, self._evaluator.collapsed(quality)
        except UserError as error:
            log.warning("from now on the alarm does not check samples: %s", error)
            self._evaluator = None
            return {}, []

    def _raise_alarm(self, trainer: L.Trainer, iteration: int, why: str) -> None:
        since = iteration - self.every_n_iterations
        self._collapses.append({"since": since, "until": None, "why": why})
        log.warning("alarm: collapsed since iteration %s or before: %s; %s", f"{since:,}", why, REMEDIES)
        for writer in log_writers(trainer):
            writer.text("alarm", f"collapsed: {why}; {REMEDIES}", iteration)


class CollapseStop(CollapseAlarm):
    """Alarm that also stops the run by raising :class:`Diverged`, for searches, where the next trial can start."""

    def _raise_alarm(self, trainer: L.Trainer, iteration: int, why: str) -> None:
        super()._raise_alarm(trainer, iteration, why)
        raise Diverged(iteration, f"collapsed: {why}")


def discriminator_failures(metrics: Mapping[str, float]) -> list[str]:
    """Return why the discriminator can no longer train the generator; an empty list if it can.

    Args:
        metrics: the run's logged metrics. Without ``probability/*`` nothing can be found, as for a model without a
            discriminator; ``gradient_norm/discriminator`` may be missing.
    """
    if not {"probability/real", "probability/fake"} <= metrics.keys():
        return []
    real, fake = metrics["probability/real"], metrics["probability/fake"]
    if real > 0.999 and fake < 0.001:
        return ["the discriminator has won: D(real) > .999, D(fake) < .001"]
    if abs(real - fake) < 1e-3 and metrics.get("gradient_norm/discriminator", 1) < 1e-3:
        return ["the discriminator is dead: D(real) = D(fake) to .001, gradient norm < .001"]
    return []
