"""Evaluates samples by all metrics, every few epochs and at the end of training."""

import copy
import logging
from typing import Any

import lightning.pytorch as L
from pydantic import NonNegativeInt, PositiveInt

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.callbacks import Watcher, data_of, epochs_done, keep_metrics, log_metrics
from gan_lightning.callbacks.loggers import log_writers
from gan_lightning.callbacks.stop import Stop
from gan_lightning.data.datamodule import Data
from gan_lightning.errors import UserError
from gan_lightning.metrics.evaluator import Evaluator, evaluator_of
from gan_lightning.metrics.metric import Metrics
from gan_lightning.metrics.reference import NotEvaluated, Split

log = logging.getLogger(__name__)


class Evaluation(Watcher):
    """Callback that logs ``evaluation/*`` every few epochs and when training ends, but not after an interruption.

    An evaluator that fails causes a warning; the run continues.

    Args:
        every_n_epochs: epochs between two evaluations.
        n: number of samples; None for the evaluator's own ``n``. Fewer if there are not as many real examples.
        seed: seed of the latents.
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
        keep_metrics(trainer, _add_prefix(self._metrics))
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
        """Evaluate the end of the run, after its last checkpoint has been written."""
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
            self._report = _summary_lines(self._evaluator, self._metrics)
            text = _dashboard_text(self._evaluator, self._metrics)
            self._record = _record(self._evaluator, self._metrics, pl_module.iteration, self.seed)
        except UserError as error:
            log.warning("samples are not evaluated: %s", error)
            self._evaluator = None
            return
        self._last_iteration = pl_module.iteration
        log_metrics(trainer, _add_prefix(self._metrics), pl_module.iteration)
        for writer in log_writers(trainer):
            writer.text("evaluation", text, pl_module.iteration)


def prepared_evaluator(data: Data, n: int | None, split: Split) -> Evaluator:
    """Return the data's evaluator, with real examples to compare samples with.

    Args:
        data: the data of the run.
        n: number of samples to evaluate; None for the evaluator's own ``n``.
        split: the split to take the real examples from.

    Raises:
        NotEvaluated: if samples of the data cannot be evaluated.
        UserError: if the evaluator's files are missing or damaged.
    """
    data.setup("test")
    evaluator = copy.copy(evaluator_of(data))  # each callback prepares its own examples
    try:
        evaluator.prepare(data, n, split)
    except UserError:
        raise
    except Exception as error:  # a user's evaluator may raise anything
        reason = " ".join(str(error).split())
        raise NotEvaluated(f"data.evaluator: {type(error).__name__} {reason}") from error
    return evaluator


def sample_metrics(
    evaluator: Evaluator, model: GenerativeModel, data: Data, seed: int, *, quick: bool = False
) -> Metrics:
    """Generate samples from the model and return their metrics."""
    return evaluator(*evaluator.generate(model, data, evaluator.n_generated, seed, quick=quick), quick=quick)


def _add_prefix(metrics: Metrics) -> Metrics:
    return {f"evaluation/{name}": value for name, value in metrics.items()}


def _summary_lines(evaluator: Evaluator, metrics: Metrics) -> list[str]:
    real = evaluator.real_baseline()
    shown = [
        f"{name} {metrics[name]:.4g}" + (f" (real {real[name]:.4g})" if name in real else "")
        for name in evaluator.headline()
        if name in metrics
    ]
    found = evaluator.findings(metrics)
    return [f"{'evaluation':<11} {'   '.join(shown)}", *(f"{'':<11} {one}" for one in found)]


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


def _dashboard_text(evaluator: Evaluator, metrics: Metrics) -> str:
    n, split = evaluator.reference.n, evaluator.reference.split
    compared = f"{n:,} samples compared with as many real examples ({split}), by {evaluator.describe()['name']}"
    return "\n\n".join([compared, evaluator.table({"samples": metrics}), *evaluator.findings(metrics)])
