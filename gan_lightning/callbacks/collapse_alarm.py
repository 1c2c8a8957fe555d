"""Says so when a run is lost: mode collapse and dead discriminators, which losses do not show."""

import logging
from typing import Any

import lightning.pytorch as L
from lightning.pytorch.loggers import TensorBoardLogger
from pydantic import NonNegativeInt, PositiveInt

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.callbacks import Watcher, data_of, keep_figures, log_figures, reference_for
from gan_lightning.errors import Diverged
from gan_lightning.metrics.findings import collapse
from gan_lightning.metrics.suite import Figures, Reference, View

log = logging.getLogger(__name__)

REMEDIES = (
    "usual remedies: a lower model.discriminator_optimizer.lr, betas=[0.5,0.999] for both optimizers, "
    "a larger data.batch_size, another seed; some runs recover"
)


class CollapseAlarm(Watcher):
    """Logs cheap metrics as ``quality/*``, and rings when two checks in a row show a collapse.

    It rings as a warning in the log, as ``alarm/collapsed`` and a text on the dashboard, and in the closing summary.
    Samples are compared with training pictures.

    Args:
        every_n_iterations: how often.
        n: samples; fewer where there are not as many real pictures.
        seed: of the latents.
        features: the extractor, as for ``scripts/evaluate.py``.
    """

    def __init__(
        self, every_n_iterations: PositiveInt, n: PositiveInt, seed: NonNegativeInt, features: str = "auto"
    ) -> None:
        self.every_n_iterations = every_n_iterations
        self.n = n
        self.seed = seed
        self.features = features
        self._reference: Reference | None = None
        self._figures: Figures = {}
        self._suspected = False  # by the last check
        self._collapses: list[dict[str, Any]] = []  # since, why, and until where it recovered

    @property
    def ringing(self) -> bool:
        return bool(self._collapses) and self._collapses[-1]["until"] is None

    def on_fit_start(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        self._reference = reference_for(trainer, self.features, self.n, "train")
        keep_figures(trainer, self._figures)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: GenerativeModel, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._reference is not None and pl_module.iteration % self.every_n_iterations == 0:
            self._check(trainer, pl_module, self._reference)

    def state_dict(self) -> dict[str, Any]:
        return {"figures": self._figures, "suspected": self._suspected, "collapses": self._collapses}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._figures = state_dict["figures"]
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

    def _check(self, trainer: L.Trainer, pl_module: GenerativeModel, reference: Reference) -> None:
        data = data_of(trainer)
        condition = data.sample_conditions(reference.n, self.seed)
        samples = data.modality.decode(pl_module.sample(reference.n, condition, seed=self.seed))
        quality = reference.quick(View(samples, reference.extractor))
        training = {name: value.item() for name, value in trainer.callback_metrics.items()}
        reasons = collapse(quality, reference.num_classes, training)
        if reasons and self._suspected and not self.ringing:
            self._ring(trainer, pl_module.iteration, "; ".join(reasons))
        elif not reasons and self.ringing:
            self._collapses[-1]["until"] = pl_module.iteration
            log.info("alarm: the run has recovered by iteration %s", f"{pl_module.iteration:,}")
        self._suspected = bool(reasons)
        self._figures = {f"quality/{name}": value for name, value in quality.items()}
        self._figures["alarm/collapsed"] = float(self.ringing)
        log_figures(trainer, self._figures, pl_module.iteration)

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
