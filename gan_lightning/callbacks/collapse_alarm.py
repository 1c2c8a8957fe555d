"""Says so when a run is lost: mode collapse and dead discriminators, which losses do not show."""

import logging
from collections.abc import Mapping
from typing import Any

import lightning.pytorch as L
from lightning.pytorch.loggers import TensorBoardLogger
from pydantic import NonNegativeInt, PositiveInt

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.callbacks import Watcher, data_of, keep_figures, log_figures
from gan_lightning.callbacks.evaluation import prepared_evaluator, sample_metrics
from gan_lightning.errors import Diverged, UserError
from gan_lightning.metrics.evaluator import Evaluator, Metrics
from gan_lightning.metrics.reference import NotEvaluated

log = logging.getLogger(__name__)

REMEDIES = (
    "usual remedies: a lower model.discriminator_optimizer.lr, betas=[0.5,0.999] for both optimizers, "
    "a larger data.batch_size, another seed; some runs recover"
)


class CollapseAlarm(Watcher):
    """Logs cheap metrics as ``quality/*``, and rings when two checks in a row show a collapse.

    It rings as a warning in the log, as ``alarm/collapsed`` and a text on the dashboard, and in the closing summary.
    Samples are compared with training examples. Where they cannot be evaluated, it watches the discriminator alone.

    Args:
        every_n_iterations: how often.
        n: samples; fewer where there are not as many real examples.
        seed: of the latents.
    """

    def __init__(self, every_n_iterations: PositiveInt, n: PositiveInt, seed: NonNegativeInt) -> None:
        self.every_n_iterations = every_n_iterations
        self.n = n
        self.seed = seed
        self._evaluator: Evaluator | None = None
        self._metrics: Metrics = {}
        self._suspected = False  # by the last check
        self._collapses: list[dict[str, Any]] = []  # since, why, and until where it recovered

    @property
    def ringing(self) -> bool:
        return bool(self._collapses) and self._collapses[-1]["until"] is None

    def on_fit_start(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        keep_figures(trainer, self._metrics)
        if trainer.is_global_zero:
            try:
                self._evaluator = prepared_evaluator(data_of(trainer), self.n, "train")
            except NotEvaluated as reason:
                log.info("the alarm watches the discriminator alone: %s", reason)

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
        spans = (
            f"collapsed from iteration {one['since']:,} "
            + ("on" if one["until"] is None else f"to {one['until']:,}")
            + f": {one['why']}"
            for one in self._collapses
        )
        return [f"{'alarm':<11} {span}" for span in spans] + ([f"{'':<11} {REMEDIES}"] if self.ringing else [])

    def record(self) -> dict[str, Any]:
        """Return when the alarm rang, why, and when the run recovered."""
        return {"collapses": self._collapses} if self._collapses else {}

    def _check(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        quality, reasons = self._quality(trainer, pl_module)
        reasons += lost_discriminator({name: value.item() for name, value in trainer.callback_metrics.items()})
        if reasons and self._suspected and not self.ringing:
            self._ring(trainer, pl_module.iteration, "; ".join(reasons))
        elif not reasons and self.ringing:
            self._collapses[-1]["until"] = pl_module.iteration
            log.info("alarm: the run has recovered by iteration %s", f"{pl_module.iteration:,}")
        self._suspected = bool(reasons)
        self._metrics = {f"quality/{name}": value for name, value in quality.items()}
        self._metrics["alarm/collapsed"] = float(self.ringing)
        log_figures(trainer, self._metrics, pl_module.iteration)

    def _quality(self, trainer: L.Trainer, pl_module: GenerativeModel) -> tuple[Metrics, list[str]]:
        """Return cheap metrics of samples, and why they look lost; nothing where they cannot be evaluated."""
        if self._evaluator is None:
            return {}, []
        try:
            quality = sample_metrics(self._evaluator, pl_module, data_of(trainer), self.seed, quick=True)
            return quality, self._evaluator.collapsed(quality)
        except UserError as error:
            log.warning("from now on the alarm watches the discriminator alone: %s", error)
            self._evaluator = None
            return {}, []

    def _ring(self, trainer: L.Trainer, iteration: int, why: str) -> None:
        since = iteration - self.every_n_iterations
        self._collapses.append({"since": since, "until": None, "why": why})
        log.warning("alarm: collapsed since iteration %s or before: %s; %s", f"{since:,}", why, REMEDIES)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_text("alarm", f"collapsed: {why}; {REMEDIES}", iteration)


class CollapseStop(CollapseAlarm):
    """Ends the run when the alarm rings, as :class:`Divergence` does: for searches, where others can be tried."""

    def _ring(self, trainer: L.Trainer, iteration: int, why: str) -> None:
        super()._ring(trainer, iteration, why)
        raise Diverged(iteration, f"collapsed: {why}")


def lost_discriminator(training: Mapping[str, float]) -> list[str]:
    """Return why a discriminator looks lost; nothing while it may go on, or where there is none.

    Args:
        training: what the run logs of itself, as far as it does: ``probability/*``, ``gradient_norm/*``.
    """
    if not {"probability/real", "probability/fake"} <= training.keys():
        return []
    real, fake = training["probability/real"], training["probability/fake"]
    if real > 0.999 and fake < 0.001:
        return ["the discriminator has won: D(real) > .999, D(fake) < .001"]
    if abs(real - fake) < 1e-3 and training.get("gradient_norm/discriminator", 1) < 1e-3:
        return ["the discriminator is dead: the same verdict on everything, no gradient"]
    return []
