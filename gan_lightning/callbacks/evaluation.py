"""All metrics of the samples, seldom and at the end."""

from typing import Any

import lightning.pytorch as L
from lightning.pytorch.loggers import TensorBoardLogger
from pydantic import NonNegativeInt, PositiveInt
from tqdm import tqdm

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.callbacks import Watcher, data_of, epochs_done, keep_figures, log_figures, reference_for
from gan_lightning.callbacks.stop import Stop
from gan_lightning.metrics.findings import HEADLINE, findings
from gan_lightning.metrics.suite import PARTS, Figures, Reference, View
from gan_lightning.metrics.table import metrics_table


class Evaluation(Watcher):
    """Logs ``evaluation/*`` every ``every_n_epochs`` and when training has ended, but not after an interruption.

    Args:
        every_n_epochs: how often.
        n: samples; None for the data's usual number. Fewer where there are not as many real pictures.
        seed: of the latents.
        features: the extractor, as for ``scripts/evaluate.py``.
    """

    def __init__(
        self, every_n_epochs: PositiveInt, n: PositiveInt | None, seed: NonNegativeInt, features: str = "auto"
    ) -> None:
        self.every_n_epochs = every_n_epochs
        self.n = n
        self.seed = seed
        self.features = features
        self._reference: Reference | None = None
        self._last_iteration = 0
        self._figures: Figures = {}
        self._floor: Figures = {}

    def on_fit_start(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        self._reference = data_of, reference_for(trainer, self.features, self.n, "test")
        keep_figures(trainer, self._logged())

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        epoch, unfinished = epochs_done(trainer, pl_module.iteration)
        if self._reference is not None and not unfinished and epoch % self.every_n_epochs == 0:
            self._evaluate(trainer, pl_module, self._reference)

    def on_fit_end(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        """The last checkpoint has been written by now."""
        callbacks = trainer.callbacks  # type: ignore[attr-defined]
        interrupted = any(isinstance(callback, Stop) and callback.signal for callback in callbacks)
        up_to_date = pl_module.iteration == self._last_iteration
        if self._reference is not None and not interrupted and not up_to_date:
            self._evaluate(trainer, pl_module, self._reference)

    def state_dict(self) -> dict[str, Any]:
        return {"last_iteration": self._last_iteration, "figures": self._figures, "floor": self._floor}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._last_iteration = state_dict["last_iteration"]
        self._figures = state_dict["figures"]
        self._floor = state_dict["floor"]

    def report(self) -> list[str]:
        if not self._figures:
            return []
        shown = [
            f"{name} {self._figures[name]:.4g} ({self._floor[name]:.4g})" for name in HEADLINE if name in self._figures
        ]
        found = findings(self._figures, self._floor)
        return [f"{'evaluation':<11} {'   '.join(shown)}, in brackets real data", *(f"{'':<11} {one}" for one in found)]

    def _evaluate(self, trainer: L.Trainer, pl_module: GenerativeModel, reference: Reference) -> None:
        with tqdm(total=2 * PARTS, desc="evaluating", leave=False, disable=None) as bar:
            if not self._floor:
                for part in reference.floor():
                    self._floor |= part
                    bar.update()
            bar.update(PARTS - bar.n)
            data = data_of(trainer)
            labels = data.sample_conditions(reference.n, self.seed)
            pictures = data.modality.decode(pl_module.sample(reference.n, labels, seed=self.seed))
            samples = View(pictures, reference.extractor, labels)
            for part in reference.judge(samples):
                self._figures |= part
                bar.update()
        self._last_iteration = pl_module.iteration
        log_figures(trainer, self._logged(), pl_module.iteration)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_text("evaluation", self._text(reference), pl_module.iteration)

    def _logged(self) -> Figures:
        return {f"evaluation/{name}": value for name, value in self._figures.items()}

    def _text(self, reference: Reference) -> str:
        split, name = reference.split, reference.extractor.name
        judged = f"{reference.n:,} samples against as many real pictures ({split}), by {name}"
        table = metrics_table({"samples": self._figures}, self._floor)
        return "\n\n".join([judged, table, *findings(self._figures, self._floor)])
