"""Trains one run: builds data, model, callbacks and trainer; then fits, and writes down what came out."""

from __future__ import annotations

import logging
import os
import shlex
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import lightning.pytorch as L
import numpy as np
from lightning.pytorch.loggers import Logger

from gan_lightning.algorithms.model import CHECKED_SAMPLES, GenerativeModel
from gan_lightning.callbacks import Recorder, Reporter
from gan_lightning.callbacks.checkpoint import Checkpoint
from gan_lightning.callbacks.divergence import Divergence
from gan_lightning.callbacks.loggers import LogWriter, Status, log_writer
from gan_lightning.callbacks.stop import Stop
from gan_lightning.commands.session import Session
from gan_lightning.config.effects import result_settings
from gan_lightning.config.settings import Config, TrainSettings
from gan_lightning.config.validation import instantiate
from gan_lightning.data.datamodule import Data
from gan_lightning.errors import Diverged, Interrupted, UserError, explain_os_error
from gan_lightning.files import file_digest, write_json
from gan_lightning.paths import CARD, LAST_CHECKPOINT, METRICS, path_argument, path_override, relative_to_cwd
from gan_lightning.provenance import load_signer
from gan_lightning.runs.batches import fit_batches
from gan_lightning.runs.checkpoints import SynchronizedIO, Trained, read, read_last
from gan_lightning.runs.folders import last_checkpoints
from gan_lightning.runs.hyperparameters import hyperparameters
from gan_lightning.runs.loggers import build_loggers
from gan_lightning.runs.manifest import Manifest, recorded_duration
from gan_lightning.runs.model_card import Calls, write_card
from gan_lightning.runs.processes import check_agreement, check_processes
from gan_lightning.runs.reproduce import check_config, check_data, compare
from gan_lightning.runs.resume import Start, find_start
from gan_lightning.runs.summary import closing, opening, row
from gan_lightning.system.distributed import (
    DDP,
    caused_by_lost_process,
    cluster_environment,
    first_process,
    first_process_before_others,
    torchrun_run_id,
)
from gan_lightning.system.machine import prepare_process

if TYPE_CHECKING:  # of an extra
    from gan_lightning.provenance.identity import Identity

MAX_ROLLBACKS = 5
REMEDIES = "a lower learning rate, trainer.precision=32-true, another objective, or on_divergence=rollback"

log = logging.getLogger(__name__)


@dataclass
class Run:
    """The parts of a run, built and not yet begun."""

    settings: TrainSettings
    config: Config
    data: Data
    model: GenerativeModel
    trainer: L.Trainer
    stop: Stop
    watchers: list[L.Callback]
    loggers: dict[str, Logger]
    batches_per_epoch: int = 0  # known when the data have been read

    @property
    def folder(self) -> Path:
        return Path(self.settings.run_dir)

    @property
    def log_writers(self) -> dict[str, LogWriter]:
        return {name: log_writer(logger) for name, logger in self.loggers.items()}

    def log_rows(self) -> list[tuple[str, object]]:
        """Return the lines of the closing summary about the logs."""
        return [row for writer in self.log_writers.values() for row in writer.closing_rows(self.folder)]


def train_and_compare(settings: TrainSettings) -> dict[str, float]:
    """Train; where ``settings.reproduce`` names an earlier run, end the process with 1 if this one is not the same."""
    metrics = train(settings)
    if settings.reproduce is not None and first_process():
        same, line = compare(Path(settings.reproduce), Path(settings.run_dir))
        print(line)
        if not same:
            raise SystemExit(1)
    return metrics


def train(settings: TrainSettings) -> dict[str, float]:
    """Train what ``conf/train.yaml`` describes, in ``settings.run_dir``.

    Returns:
        The final metrics, as in ``metrics.json``: means over the last iterations that were logged.

    Raises:
        UserError: for data or settings that cannot work, before anything is written; for a run that diverges.
        Interrupted: after Ctrl-C or SIGTERM, when all is saved.
    """
    rollbacks = 0
    while True:
        try:
            return train_once(settings, rollbacks)
        except Diverged as error:
            run_dir = Path(settings.run_dir)
            goal = read_last(run_dir)[1] if last_checkpoints(run_dir) else {"iteration": 0, "rollbacks": 0}
            rollbacks = max(rollbacks, goal["rollbacks"]) + 1
            if settings.on_divergence == "stop" or rollbacks > MAX_ROLLBACKS:
                raise UserError(f"{error}: {REMEDIES}; what is saved ends with {goal['iteration']:,}") from error
            log.warning("%s: back to iteration %s, and on with other noise", error, f"{goal['iteration']:,}")
            settings = settings.model_copy(update={"resume": settings.run_dir if goal["iteration"] else None})


def train_once(settings: TrainSettings, rollbacks: int) -> dict[str, float]:
    """Train from the beginning, or from the last checkpoint where ``settings.resume`` is set, to its end.

    Returns:
        The final metrics; of several processes only the first one has them.
    """
    prepare(settings)
    identity = load_signer("provenance=true") if settings.provenance and first_process() else None
    run = build(settings, rollbacks)
    read_data(run)
    run.folder.mkdir(parents=True, exist_ok=True)
    start = find_start(settings, run.batches_per_epoch, run.data.describe())
    if start and start.metrics:
        metrics = nothing_left(run, start.metrics)
    else:
        metrics = fit_and_record(run, start) if first_process() else follow_first(run, start)
    if run.stop.signal:
        raise Interrupted(run.stop.signal)
    ended_before = start is not None and start.metrics is not None
    try:
        if identity and not (ended_before and is_signed(run.folder / LAST_CHECKPOINT)):
            sign_provenance(identity, run)
    finally:
        if first_process() and not (ended_before and (run.folder / CARD).exists()):
            write_model_card(run)
    return metrics


def nothing_left(run: Run, metrics: dict[str, float]) -> dict[str, float]:
    """Return the metrics of a run that has ended, and leave its folder as it is."""
    if first_process():
        Session.current().undo()
        ended = "nothing is left to train: max_iterations=… or trainer.max_epochs=… goes further"
        log.info("%s: %s", relative_to_cwd(run.folder), ended)
        seconds = recorded_duration(run.folder)
        log.info("%s", closing(metrics, [], seconds, run.folder, None, Session.current().call(), run.log_rows()))
    return metrics


def prepare(settings: TrainSettings) -> None:
    """Set up the process, and refuse what cannot work before anything is built."""
    prepare_process()
    _quiet_lightning()
    threading.excepthook = _pass_over_writer_thread
    L.seed_everything(settings.seed, verbose=False)
    check_processes(settings)
    if settings.reproduce is not None:
        check_config(Path(settings.reproduce), settings.model_dump())


def build(settings: TrainSettings, rollbacks: int) -> Run:
    """Build all parts of a run; the data are not read yet."""
    config = settings.model_dump()
    data = instantiate(settings.data, "data")
    if settings.conditional and data.condition is None:
        name = type(data).__name__
        raise UserError(f"conditional=true: {name} has no condition: data.conditional, if its constructor takes that")
    model = instantiate(settings.model, "model")
    model.rollbacks = rollbacks
    data.batches_per_iteration = model.batches_per_iteration
    stop = Stop(settings.max_iterations, settings.max_cpu_minutes)
    watchers = [instantiate(node, f"callbacks.{name}") for name, node in settings.callbacks.items() if node]
    loggers = build_loggers(settings.logger)
    trainer = instantiate(
        settings.trainer,
        "trainer",
        callbacks=[stop, Divergence(), *watchers, Checkpoint(config, **dict(settings.checkpoint))],
        logger=list(loggers.values()),
        plugins=[SynchronizedIO(), cluster_environment()],
        max_epochs=-1 if settings.max_iterations else settings.trainer["max_epochs"],
    )
    if isinstance(trainer.strategy, DDP):
        trainer.strategy.job = {"config": config, "rollbacks": rollbacks}
    data.processes = trainer.world_size
    return Run(settings, config, data, model, trainer, stop, watchers, loggers)


def read_data(run: Run) -> None:
    """Read the training data; all processes must have the same."""
    with first_process_before_others():
        run.data.prepare_data()
        run.data.setup("fit")
    if run.settings.reproduce is not None:
        check_data(Path(run.settings.reproduce), run.data.describe())
    try_out(run.model, run.data)
    fit_batches(run.model, run.data)
    run.batches_per_epoch = len(run.data.train_dataloader())
    settings = result_settings(run.config)
    check_agreement(settings | {"data": settings["data"] | run.data.describe()})


def try_out(model: GenerativeModel, data: Data) -> None:
    """Raise UserError if networks, data and modality do not fit together, before anything is written."""
    condition = data.sample_conditions(CHECKED_SAMPLES, 0)
    with _one_line("model: the networks do not fit together or to the data"):
        sample = model.check_networks(data.modality.sample_shape, condition)
    with _one_line(f"data: {type(data.modality).__name__} does not fit the samples"):
        content = data.modality.check(data.modality.decode(sample), "what decode() returns")
        sheet = data.modality.sheet(content)
        if sheet.dtype != np.uint8 or sheet.ndim != 3 or sheet.shape[2] != 3:
            raise ValueError(f"sheet() returns {sheet.dtype} {sheet.shape}: must be uint8 (H, W, 3)")


@contextmanager
def _one_line(what: str) -> Iterator[None]:
    """Raise what networks and modalities of one's own raise as one line; debug=true shows where."""
    try:
        yield
    except Exception as error:
        reason = " ".join(f"{type(error).__name__} {error}".split())
        raise UserError(f"{what}: {reason.removeprefix('UserError ')}") from error


def fit(run: Run, start: Start | None) -> dict[str, float]:
    """Train to the end; write the logs and the final metrics."""
    with _open_logs(run, start):
        _fit(run, start)
        metrics = _final_metrics(run)
        # In an order that does not depend on what was logged first: a resumed run's file equals that of another.
        write_json(run.folder / METRICS, dict(sorted(metrics.items(), key=lambda item: ("/" in item[0], item[0]))))
        for writer in run.log_writers.values():
            writer.finish(hyperparameters(run.config), metrics)
    return metrics


@contextmanager
def _open_logs(run: Run, start: Start | None) -> Iterator[None]:
    """Continue the logs where the run starts, and close them when it ends."""
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


def fit_and_record(run: Run, start: Start | None) -> dict[str, float]:
    """Train to the end; write down in the manifest how it went, and say what came out."""
    manifest = Manifest(run.folder, _facts(run))
    if run.settings.max_iterations and Session.current().sets("trainer.max_epochs"):
        log.warning(
            "max_iterations=%s is the limit, not trainer.max_epochs=%s: max_iterations=null has epochs counted",
            run.settings.max_iterations, run.settings.trainer["max_epochs"],
        )  # fmt: skip
    log.info("%s", opening(run.model, run.data, run.trainer, run.folder))
    try:
        with _errors_of_a_run(run):
            metrics = fit(run, start)
    except BaseException as error:
        with suppress(OSError):
            manifest.update(_status(error))
        raise
    for watcher in run.watchers:
        if isinstance(watcher, Recorder):
            manifest.content |= watcher.record()
    manifest.update("interrupted" if run.stop.signal else "finished")
    reports = [line for watcher in run.watchers if isinstance(watcher, Reporter) for line in watcher.report()]
    call = Session.current().call()
    log.info("%s", closing(metrics, reports, manifest.duration, run.folder, run.stop.signal, call, run.log_rows()))
    return metrics


def follow_first(run: Run, start: Start | None) -> dict[str, float]:
    """Train beside the first process, which writes."""
    with _errors_of_a_run(run):
        _fit(run, start)
    return {}


def is_signed(checkpoint: Path) -> bool:
    """Return whether a statement lies beside a checkpoint; what it speaks of is kept when it is written again."""
    from gan_lightning.provenance.statements import statement_path

    return statement_path(checkpoint).is_file()


def sign_provenance(identity: Identity, run: Run) -> None:
    """Sign what the checkpoint was made of; where that fails, the run is there all the same."""
    from gan_lightning.provenance.statements import attest_checkpoint

    checkpoint = run.folder / LAST_CHECKPOINT
    try:
        digest, trained_on = file_digest(checkpoint), read(checkpoint)["trained_on"]
        trained = Trained(checkpoint, digest, run.config, run.model, run.data, trained_on)
        path = attest_checkpoint(identity, trained)
    except OSError as error:
        raise UserError(
            f"provenance=true: {error.strerror}: the run has ended and is saved; when that is mended, "
            f"gan-statement checkpoint {shlex.quote(path_argument(run.folder))}"
        ) from error
    log.info("%s", row("statement", relative_to_cwd(path)))


def write_model_card(run: Run) -> None:
    """Write the model card; where that fails, warn: the run has ended and is saved all the same."""
    session = Session.current()
    try:
        path = write_card(run.folder, run.model, run.data, Calls(session.call(), session.call_of("generate")))
    except OSError as error:
        log.warning(
            "%s: %s; the run has ended and is saved, without its model card", run.folder / CARD, explain_os_error(error)
        )
    else:
        log.info("%s", row("model card", relative_to_cwd(path)))


def _fit(run: Run, start: Start | None) -> None:
    checkpoint = start.checkpoint if start else None
    run.trainer.fit(run.model, datamodule=run.data, ckpt_path=checkpoint, weights_only=True)


def _facts(run: Run) -> dict[str, Any]:
    """Return what the manifest says of the run besides its circumstances."""
    return {
        "seed": run.settings.seed,
        "device": str(run.trainer.strategy.root_device),
        "processes": run.trainer.world_size,
        "torchrun": torchrun_run_id(),
        "data": run.data.describe(),
        "config": run.config,
    }


def _final_metrics(run: Run) -> dict[str, Any]:
    """Return what was logged last, without times."""
    logged = {
        name: value.item() for name, value in run.trainer.callback_metrics.items() if not name.startswith("time/")
    }
    iteration = run.model.iteration
    return {"iteration": iteration, "epoch": iteration / run.batches_per_epoch} | logged


def _status(error: BaseException) -> Literal["interrupted", "diverged", "failed"]:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return "diverged" if isinstance(error, Diverged) else "failed"


@contextmanager
def _errors_of_a_run(run: Run) -> Iterator[None]:
    """Raise errors that the user can mend again as one line."""
    go_on = f"when that is mended, {path_override('resume', run.folder)} goes on from the last checkpoint"
    try:
        yield
    except OSError as error:
        raise UserError(f"{os.fsdecode(error.filename or run.folder)}: {error.strerror or error}: {go_on}") from error
    except RuntimeError as error:
        if "deterministic implementation" in str(error):
            what, device = str(error).split()[0], run.trainer.strategy.root_device
            raise UserError(f"deterministic=true: torch has no such {what} on {device}: deterministic=false") from error
        if caused_by_lost_process(error):
            raise UserError(f"another process of the run has ended: {go_on}") from error
        raise


def _pass_over_writer_thread(arguments: threading.ExceptHookArgs) -> None:
    """Pass over errors in the thread that TensorBoard writes in: where the run logs next, they are raised again."""
    if not isinstance(arguments.exc_value, OSError):
        threading.__excepthook__(arguments)


def _quiet_lightning() -> None:
    """Silence what does not apply here: one process feeds samples from memory, and resuming is exact."""
    for part in ("fabric", "pytorch"):
        logging.getLogger(f"lightning.{part}").setLevel(logging.WARNING)
    for message in (
        "does not have many workers",
        "smaller than the logging interval",
        "ended before the epoch ended",
        "in eval mode at the start of training",  # the averaged generator
        "treespec, LeafSpec",  # Lightning's own business with torch
        "`srun` command is available",  # which no run needs
    ):
        warnings.filterwarnings("ignore", f".*{message}.*")


if __name__ == "__main__":
    from gan_lightning.commands import cli

    cli.train()
