"""All metrics of the samples, seldom and at the end."""

import copy
import logging
from typing import Any

import lightning.pytorch as L
from lightning.pytorch.loggers import TensorBoardLogger
from pydantic import NonNegativeInt, PositiveInt

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.callbacks import Watcher, data_of, epochs_done, keep_figures, log_figures
from gan_lightning.callbacks.stop import Stop
from gan_lightning.data.datamodule import Data
from gan_lightning.errors import UserError
from gan_lightning.metrics.evaluator import Evaluator, Metrics, evaluator_of
from gan_lightning.metrics.reference import NotEvaluated, Split

log = logging.getLogger(__name__)


class Evaluation(Watcher):
    """Logs ``evaluation/*`` every ``every_n_epochs`` and when training has ended, but not after an interruption.

    What the evaluator cannot do is a warning: no run ends for it.

    Args:
        every_n_epochs: how often.
        n: samples; None for the evaluator's own number. Fewer where there are not as many real examples.
        seed: of the latents.
    """

    def __init__(self, every_n_epochs: PositiveInt, n: PositiveInt | None, seed: NonNegativeInt) -> None:
        self.every_n_epochs = every_n_epochs
        self.n = n
        self.seed = seed
        self._evaluator: Evaluator | None = None
        self._last_iteration = 0
        self._metrics: Metrics = {}
        self._report: list[str] = []
        self._record: dict[str, Any] = {}

    def on_fit_start(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        keep_figures(trainer, _logged(self._metrics))
        if trainer.is_global_zero:
            try:
                self._evaluator = prepared_evaluator(data_of(trainer), self.n, "test")
            except NotEvaluated as reason:
                log.warning("samples will not be evaluated: %s", reason)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        epoch, unfinished = epochs_done(trainer, pl_module.iteration)
        if not unfinished and epoch % self.every_n_epochs == 0:
            self._evaluate(trainer, pl_module)

    def on_fit_end(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        """The last checkpoint has been written by now."""
        callbacks = trainer.callbacks  # type: ignore[attr-defined]
        interrupted = any(isinstance(callback, Stop) and callback.signal for callback in callbacks)
        if not interrupted and pl_module.iteration != self._last_iteration:
            self._evaluate(trainer, pl_module)

    def state_dict(self) -> dict[str, Any]:
        return {
            "last_iteration": self._last_iteration,
            "metrics": self._metrics,
            "report": self._report,
            "record": self._record,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._last_iteration = state_dict["last_iteration"]
        self._metrics = state_dict["metrics"]
        self._report = state_dict["report"]
        self._record = state_dict.get("record", {})  # which earlier versions did not keep

    def report(self) -> list[str]:
        return self._report

    def record(self) -> dict[str, Any]:
        """Return how the last evaluation was done, the floor of each metric and what was found wrong."""
        return {"evaluation": self._record} if self._record else {}

    def _evaluate(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        if self._evaluator is None:
            return
        try:
            self._metrics = sample_metrics(self._evaluator, pl_module, data_of(trainer), self.seed)
            self._report = _report(self._evaluator, self._metrics)
            text = _text(self._evaluator, self._metrics)
            self._record = _record(self._evaluator, self._metrics, pl_module.iteration, self.seed)
        except UserError as error:
            log.warning("samples are not evaluated: %s", error)
            self._evaluator = None
            return
        self._last_iteration = pl_module.iteration
        log_figures(trainer, _logged(self._metrics), pl_module.iteration)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_text("evaluation", text, pl_module.iteration)


def prepared_evaluator(data: Data, n: int | None, split: Split) -> Evaluator:
    """Return an evaluator of the data's own that is ready to measure samples.

    Raises:
        NotEvaluated: if samples of the data cannot be evaluated.
        UserError: if the evaluator's files are missing or damaged.
    """
    data.setup("test")
    evaluator = copy.copy(evaluator_of(data))  # each callback compares with examples of its own
    try:
        evaluator.prepare(data, n, split)
    except UserError:
        raise
    except Exception as error:  # an evaluator of one's own may raise anything
        reason = " ".join(str(error).split())
        raise NotEvaluated(f"data.evaluator: {type(error).__name__} {reason}") from error
    return evaluator


def sample_metrics(
    evaluator: Evaluator, model: GenerativeModel, data: Data, seed: int, *, quick: bool = False
) -> Metrics:
    """Return the metrics of samples that the model makes, as content."""
    n = evaluator.reference.n
    condition = data.sample_conditions(n, seed)
    return evaluator(data.modality.decode(model.sample(n, condition, seed=seed)), condition, quick=quick)


def _logged(metrics: Metrics) -> Metrics:
    return {f"evaluation/{name}": value for name, value in metrics.items()}


def _report(evaluator: Evaluator, metrics: Metrics) -> list[str]:
    """Return lines of a run's closing summary."""
    real = evaluator.real_baseline()
    shown = [f"{name} {metrics[name]:.4g} ({real[name]:.4g})" for name in evaluator.headline() if name in metrics]
    found = evaluator.findings(metrics)
    return [f"{'evaluation':<11} {'   '.join(shown)}, in brackets real data", *(f"{'':<11} {one}" for one in found)]


def _record(evaluator: Evaluator, metrics: Metrics, iteration: int, seed: int) -> dict[str, Any]:
    """Return plain values, whatever an evaluator of one's own describes: they go into checkpoints and JSON."""
    return {
        "iteration": iteration,
        "n": evaluator.reference.n,
        "seed": seed,
        "split": evaluator.reference.split,
        "features": {str(key): str(value) for key, value in evaluator.describe().items()},
        "floor": evaluator.real_baseline(),
        "findings": [str(one) for one in evaluator.findings(metrics)],
    }


def _text(evaluator: Evaluator, metrics: Metrics) -> str:
    """Return the text on the dashboard."""
    n, split = evaluator.reference.n, evaluator.reference.split
    compared = f"{n:,} samples against as many real ones ({split}), by {evaluator.describe()['name']}"
    return "\n\n".join([compared, evaluator.table({"samples": metrics}), *evaluator.findings(metrics)])
