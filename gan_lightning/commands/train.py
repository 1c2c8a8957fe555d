"""Trains one run: builds its parts, fits the model, and writes metrics, logs and the manifest."""

import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as L

from gan_lightning.callbacks import Recorder, Reporter
from gan_lightning.callbacks.loggers import LogWriter, Status
from gan_lightning.commands.finish import log_summary, sign_and_describe
from gan_lightning.commands.session import Session
from gan_lightning.config.settings import TrainSettings
from gan_lightning.errors import Diverged, Interrupted, UserError
from gan_lightning.files import write_json
from gan_lightning.paths import METRICS, path_override, relative_to_cwd
from gan_lightning.provenance import load_signer
from gan_lightning.runs.checkpoints import read_last
from gan_lightning.runs.folders import last_checkpoints
from gan_lightning.runs.hyperparameters import hyperparameters
from gan_lightning.runs.manifest import Manifest, recorded_duration
from gan_lightning.runs.processes import check_processes
from gan_lightning.runs.reproduce import check_config, compare
from gan_lightning.runs.resume import Start, find_start
from gan_lightning.runs.run import Run, build, read_data
from gan_lightning.runs.summary import start_summary
from gan_lightning.system.distributed import caused_by_lost_process, first_process, torchrun_run_id
from gan_lightning.system.machine import prepare_process

MAX_ROLLBACKS = 5
REMEDIES = "a lower learning rate, trainer.precision=32-true, another objective, or on_divergence=rollback"

log = logging.getLogger(__name__)


def train_and_compare(settings: TrainSettings) -> dict[str, float]:
    """Train; if ``settings.reproduce`` names an earlier run, exit with 1 unless the results are equal.

    Returns:
        The final metrics, as :func:`train` returns them.
    """
    metrics = train(settings)
    if settings.reproduce is not None and first_process():
        equal, line = compare(Path(settings.reproduce), Path(settings.run_dir))
        print(line)
        if not equal:
            raise SystemExit(1)
    return metrics


def train(settings: TrainSettings) -> dict[str, float]:
    """Train the run that ``conf/train.yaml`` describes, in ``settings.run_dir``.

    Returns:
        The final metrics, as in ``metrics.json``: means over the last logged iterations.

    Raises:
        UserError: for data or settings that cannot work, before anything is written; for a run that diverges.
        Interrupted: after Ctrl-C or SIGTERM, once everything is saved.
    """
    rollbacks = 0
    while True:
        try:
            return train_once(settings, rollbacks)
        except Diverged as error:
            run_dir = Path(settings.run_dir)
            saved = read_last(run_dir)[1] if last_checkpoints(run_dir) else {"iteration": 0, "rollbacks": 0}
            rollbacks = max(rollbacks, saved["rollbacks"]) + 1
            if settings.on_divergence == "stop" or rollbacks > MAX_ROLLBACKS:
                raise UserError(f"{error}: {REMEDIES}; the last saved iteration is {saved['iteration']:,}") from error
            log.warning("%s: continuing from iteration %s with other noise", error, f"{saved['iteration']:,}")
            settings = settings.model_copy(update={"resume": settings.run_dir if saved["iteration"] else None})


def train_once(settings: TrainSettings, rollbacks: int) -> dict[str, float]:
    """Train from the start, or from the last checkpoint if ``settings.resume`` is set, until the run ends or diverges.

    Args:
        settings: the settings of the run.
        rollbacks: how often the run has returned to a checkpoint after it diverged.

    Returns:
        The final metrics; of several processes, only the first one has them.
    """
    prepare(settings)
    identity = load_signer("provenance=true") if settings.provenance and first_process() else None
    run = build(settings, rollbacks)
    read_data(run)
    run.folder.mkdir(parents=True, exist_ok=True)
    start = find_start(settings, run.batches_per_epoch, run.data.describe())
    earlier_metrics = start.metrics if start else None  # of a run that has nothing left to train
    if earlier_metrics is not None:
        metrics = report_finished_run(run, earlier_metrics)
    elif first_process():
        metrics = fit_and_record(run, start)
    else:
        metrics = fit_beside_first(run, start)
    if run.stop.signal:
        raise Interrupted(run.stop.signal)
    sign_and_describe(run, identity, keep_existing=earlier_metrics is not None)
    return metrics


def prepare(settings: TrainSettings) -> None:
    """Set up the process, and check the settings that can be checked before anything is built."""
    prepare_process()
    _quiet_lightning()
    threading.excepthook = _ignore_os_errors_in_threads
    L.seed_everything(settings.seed, verbose=False)
    check_processes(settings)
    if settings.reproduce is not None:
        check_config(Path(settings.reproduce), settings.model_dump())


def report_finished_run(run: Run, metrics: dict[str, float]) -> dict[str, float]:
    """Log the summary of a run that has nothing left to train, and leave its folder unchanged."""
    if first_process():
        Session.current().undo()
        log.info(
            "%s: nothing is left to train; to continue, set a higher max_iterations=… or trainer.max_epochs=…",
            relative_to_cwd(run.folder),
        )
        log_summary(run, metrics, recorded_duration(run.folder))
    return metrics


def fit_and_record(run: Run, start: Start | None) -> dict[str, float]:
    """Train in the first process, record the run in its manifest, and log summaries at the start and the end."""
    manifest = Manifest(run.folder, _facts(run))
    if run.settings.max_iterations and Session.current().sets("trainer.max_epochs"):
        log.warning(
            "max_iterations=%s is the limit, not trainer.max_epochs=%s; to count epochs, set max_iterations=null",
            run.settings.max_iterations, run.settings.trainer["max_epochs"],
        )  # fmt: skip
    log.info("%s", start_summary(run.model, run.data, run.trainer, run.folder))
    try:
        with _explain_errors(run):
            metrics = fit_and_log(run, start)
    except BaseException as error:
        with suppress(OSError):
            manifest.update(_failed_status(error))
        raise
    for watcher in run.watchers:
        if isinstance(watcher, Recorder):
            manifest.content |= watcher.record()
    if run.model.privacy is not None:
        manifest.content["privacy"] = run.model.privacy.record()
    manifest.update("interrupted" if run.stop.signal else "finished")
    reports = [line for watcher in run.watchers if isinstance(watcher, Reporter) for line in watcher.report()]
    log_summary(run, metrics, manifest.duration, reports)
    return metrics


def fit_beside_first(run: Run, start: Start | None) -> dict[str, float]:
    """Train in another process than the first, which writes all files; return no metrics."""
    with _explain_errors(run):
        _fit(run, start)
    return {}


def fit_and_log(run: Run, start: Start | None) -> dict[str, float]:
    """Train to the end, write ``metrics.json``, and return the final metrics."""
    with _open_logs(run, start):
        _fit(run, start)
        metrics = _final_metrics(run)
        # Sorted, so that the files of resumed and uninterrupted runs are equal.
        write_json(run.folder / METRICS, dict(sorted(metrics.items(), key=lambda item: ("/" in item[0], item[0]))))
        for writer in run.log_writers.values():
            writer.finish(hyperparameters(run.config), metrics)
    return metrics


def _fit(run: Run, start: Start | None) -> None:
    checkpoint = start.checkpoint if start else None
    run.trainer.fit(run.model, datamodule=run.data, ckpt_path=checkpoint, weights_only=True)


@contextmanager
def _open_logs(run: Run, start: Start | None) -> Iterator[None]:
    """Rewind the logs to where the run starts, and close them when it ends."""
    status: Status = "failed"
    opened: list[LogWriter] = []
    try:
        for name, writer in run.log_writers.items():
            position = start.logs.get(name) if start else {}
            writer.rewind(position)
            opened.append(writer)
            if not position:
                writer.start(run.config, hyperparameters(run.config))
        yield
        status = "interrupted" if run.stop.signal else "finished"
    finally:
        for writer in opened:
            writer.close(status)


def _facts(run: Run) -> dict[str, Any]:
    """Return the entries of the manifest that only the run knows."""
    return {
        "seed": run.settings.seed,
        "device": str(run.trainer.strategy.root_device),
        "processes": run.trainer.world_size,
        "torchrun": torchrun_run_id(),
        "modality": {"name": type(run.data.modality).__name__, "media_type": run.data.modality.media_type},
        "data": run.data.describe(),
        "config": run.config,
    }


def _final_metrics(run: Run) -> dict[str, Any]:
    """Return the metrics that were logged last, without times."""
    logged = {
        name: value.item() for name, value in run.trainer.callback_metrics.items() if not name.startswith("time/")
    }
    iteration = run.model.iteration
    return {"iteration": iteration, "epoch": iteration / run.batches_per_epoch} | logged


def _failed_status(error: BaseException) -> Literal["interrupted", "diverged", "failed"]:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return "diverged" if isinstance(error, Diverged) else "failed"


@contextmanager
def _explain_errors(run: Run) -> Iterator[None]:
    """Raise the errors of a run that its user can correct as UserError."""
    resume = path_override("resume", run.folder)
    remedy = f"correct this, then {resume} continues from the last checkpoint"
    try:
        yield
    except OSError as error:
        raise UserError(f"{os.fsdecode(error.filename or run.folder)}: {error.strerror or error}: {remedy}") from error
    except RuntimeError as error:
        if "deterministic implementation" in str(error):
            operation, device = str(error).split()[0], run.trainer.strategy.root_device
            raise UserError(
                f"deterministic=true: torch has no such {operation} on {device}: deterministic=false"
            ) from error
        if caused_by_lost_process(error):
            raise UserError(f"another process of the run has ended: {remedy}") from error
        raise


def _ignore_os_errors_in_threads(arguments: threading.ExceptHookArgs) -> None:
    """Ignore OSErrors of TensorBoard's writer thread; the next call that logs raises them again."""
    if not isinstance(arguments.exc_value, OSError):
        threading.__excepthook__(arguments)


def _quiet_lightning() -> None:
    """Silence Lightning's messages that do not apply: data come from memory in one process, and resuming is exact."""
    for part in ("fabric", "pytorch"):
        logging.getLogger(f"lightning.{part}").setLevel(logging.WARNING)
    for message in (
        "does not have many workers",
        "smaller than the logging interval",
        "ended before the epoch ended",
        "in eval mode at the start of training",  # the averaged generator
        "treespec, LeafSpec",  # a deprecation in torch that Lightning has to handle
        "`srun` command is available",  # no run needs srun
        "You have overridden `on_before_batch_transfer`",  # the model's, which is meant
    ):
        warnings.filterwarnings("ignore", f".*{message}.*")


if __name__ == "__main__":
    from gan_lightning.commands import cli

    cli.train()
