"""Trains one run: data, model, callbacks, trainer; then fits, and writes down what came out."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import shutil
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import lightning.pytorch as L
from omegaconf import DictConfig, OmegaConf
from torch import nn

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.callbacks import Reporter
from gan_lightning.callbacks.checkpoint import Checkpoint
from gan_lightning.callbacks.divergence import Divergence
from gan_lightning.callbacks.stop import Stop
from gan_lightning.config.validation import flat, instantiate
from gan_lightning.data.datamodule import Data
from gan_lightning.errors import Diverged, Interrupted, UserError
from gan_lightning.modalities.samples import Shape
from gan_lightning.paths import file_digest
from gan_lightning.provenance import signer
from gan_lightning.runs.checkpoints import SynchronizedIO, Trained, read_last
from gan_lightning.runs.dashboard import log_config, log_hyperparameters, rewind
from gan_lightning.runs.folders import LAST_CHECKPOINT, METRICS, last_checkpoints, write_json
from gan_lightning.runs.manifest import Manifest
from gan_lightning.runs.reproduce import check_config
from gan_lightning.system.distributed import (
    DDP,
    check_agreement,
    check_processes,
    cluster_environment,
    first_process,
    first_process_first,
    is_of_lost_process,
    run_of_torchrun,
)
from gan_lightning.system.machine import prepare_process

if TYPE_CHECKING:  # of an extra
    from gan_lightning.provenance.identity import Identity

WHERE_DATA_ARE = ("root", "cache_dir", "download")  # may change between a run and its resumption

MAX_ROLLBACKS = 5
REMEDIES = "a lower learning rate, trainer.precision=32-true, another objective, or on_divergence=rollback"

log = logging.getLogger(__name__)


def train(cfg: DictConfig) -> dict[str, float]:
    """Train what ``conf/train.yaml`` describes, in ``cfg.run_dir``.

    Returns:
        The final metrics, as in ``metrics.json``: means over the last iterations that were logged.

    Raises:
        UserError: for data or settings that cannot work, before anything is written; for a run that diverges.
        Interrupted: after Ctrl-C or SIGTERM, when all is saved.
    """
    cfg, rollbacks = cfg.copy(), 0
    while True:
        try:
            return train_once(cfg, rollbacks)
        except Diverged as error:
            run_dir = Path(cfg.run_dir)
            goal = read_last(run_dir)[1] if last_checkpoints(run_dir) else {"iteration": 0, "rollbacks": 0}
            rollbacks = max(rollbacks, goal["rollbacks"]) + 1
            if cfg.on_divergence == "stop" or rollbacks > MAX_ROLLBACKS:
                raise UserError(f"{error}: {REMEDIES}; what is saved ends with {goal['iteration']:,}") from error
            log.warning("%s: back to iteration %s, and on with other noise", error, f"{goal['iteration']:,}")
            cfg.resume = cfg.run_dir if goal["iteration"] else None


def train_once(cfg: DictConfig, rollbacks: int) -> dict[str, float]:
    """From the beginning, or from the last checkpoint where ``cfg.resume`` is set, to the end or until it diverges.

    Returns:
        The final metrics; of several processes only the first one has them.
    """
    prepare_process()
    _quiet_lightning()
    threading.excepthook = _of_a_thread
    L.seed_everything(cfg.seed, verbose=False)
    config = cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True))

    check_processes(config)
    if cfg.reproduce is not None:
        check_config(Path(cfg.reproduce), config)
    identity = signer("provenance=true") if cfg.provenance and first_process() else None
    data = instantiate(cfg.data, "data")
    model = instantiate(cfg.model, "model")
    model.rollbacks = rollbacks
    data.batches_per_iteration = model.batches_per_iteration
    stop = Stop(cfg.max_iterations, cfg.max_cpu_minutes)
    watchers = [instantiate(node, f"callbacks.{name}") for name, node in cfg.callbacks.items() if node]
    logger = instantiate(cfg.logger, "logger")
    trainer = instantiate(
        cfg.trainer,
        "trainer",
        callbacks=[stop, Divergence(), *watchers, Checkpoint(config, **cfg.checkpoint)],
        logger=logger,
        plugins=[SynchronizedIO(), cluster_environment()],
        max_epochs=-1 if cfg.max_iterations else cfg.trainer.max_epochs,
    )
    if isinstance(trainer.strategy, DDP):
        trainer.strategy.job = {"config": config, "rollbacks": rollbacks}
    data.processes = trainer.world_size
    with first_process_first():
        data.prepare_data()
        data.setup("fit")
    check_agreement(config | {"data": _settings(config)["data"] | data.describe()})

    run_dir = Path(cfg.run_dir)
    run_dir.mkdir(parents=True, exist_ok=True)
    batches_per_epoch = len(data.train_dataloader())
    checkpoint = None
    if cfg.resume is not None and last_checkpoints(run_dir):
        checkpoint, content = read_last(run_dir)
        _check_resumption(cfg, config, content, batches_per_epoch)
    elif cfg.resume is not None and (run_dir / METRICS).exists():
        raise UserError(f"resume={cfg.resume}: no checkpoints/last.ckpt there, though the run ended: start it anew")
    elif cfg.resume is not None:
        log.info("resume=%s: there is no checkpoint to go on from: beginning anew", cfg.resume)
    device = str(trainer.strategy.root_device)
    if not first_process():
        with _errors_of_a_run(run_dir, device):
            trainer.fit(model, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        if stop.signal:
            raise Interrupted(stop.signal)
        return {}

    facts = {"seed": cfg.seed, "device": device, "processes": trainer.world_size, "torchrun": run_of_torchrun()}
    manifest = Manifest(run_dir, facts | {"data": data.describe(), "config": config})
    log.info("%s", _opening(model, data, trainer, run_dir))
    try:
        with _errors_of_a_run(run_dir, device):
            for i, one in enumerate(trainer.loggers):
                rewind(one, content["logs"][i] if checkpoint else {})
            if checkpoint is None:
                log_config(logger, config)
            trainer.fit(model, datamodule=data, ckpt_path=checkpoint, weights_only=True)
            metrics = _final_metrics(trainer, model, batches_per_epoch)
            write_json(run_dir / METRICS, metrics)
            log_hyperparameters(logger, config, metrics)
    except BaseException as error:
        with suppress(OSError):
            manifest.update(_status(error))
        raise
    manifest.update("interrupted" if stop.signal else "finished")
    reports = [line for watcher in watchers if isinstance(watcher, Reporter) for line in watcher.report()]
    log.info("%s", _closing(metrics, reports, manifest, run_dir, stop.signal))
    if stop.signal:
        raise Interrupted(stop.signal)
    if identity:
        path = run_dir / LAST_CHECKPOINT
        _state(identity, Trained(path, file_digest(path), config, model, data))
    return metrics


@contextmanager
def _errors_of_a_run(run_dir: Path, device: str) -> Iterator[None]:
    """What a user can mend, as one line."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{os.fsdecode(error.filename or run_dir)}: {error.strerror}: when that is mended, "
            f"resume={run_dir} goes on from the last checkpoint"
        ) from error
    except RuntimeError as error:
        if "deterministic implementation" in str(error):
            what = str(error).split()[0]
            raise UserError(f"deterministic=true: torch has no such {what} on {device}: deterministic=false") from error
        if is_of_lost_process(error):
            raise UserError(
                f"another process of the run has ended: when that is mended, resume={run_dir} goes on from the last "
                "checkpoint"
            ) from error
        raise


def _status(error: BaseException) -> Literal["interrupted", "diverged", "failed"]:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return "diverged" if isinstance(error, Diverged) else "failed"


def _state(identity: Identity, trained: Trained) -> None:
    """Sign what the checkpoint was made of; where that fails, the run is there all the same."""
    from gan_lightning.provenance.statements import state_checkpoint

    try:
        path = state_checkpoint(identity, trained)
    except OSError as error:
        raise UserError(
            f"provenance=true: {error.strerror}: the run has ended and is saved; when that is mended, "
            f"gan-statement checkpoint {trained.run_dir}"
        ) from error
    log.info("  %-11s %s", "statement", _near(path))


def _check_resumption(cfg: DictConfig, config: dict[str, Any], content: dict[str, Any], batches_per_epoch: int) -> None:
    """A resumed run keeps the settings it was begun with, but for limits, what watches it and where things are."""
    if "logs" not in content:
        raise UserError(f"resume={cfg.resume}: begun with an earlier version: end it with that, or draw samples of it")
    begun, now = (dict(flat(_settings(part))) for part in (content["config"], config))
    for key in begun | now:
        if begun.get(key) != now.get(key):
            raise UserError(
                f"resume={cfg.resume}: {key.replace('/', '.')}={now.get(key)}, but the run was begun with "
                f"{begun.get(key)}, which a resumed run keeps"
            )
    iteration = content["iteration"]
    epochs = iteration / batches_per_epoch
    if not cfg.max_iterations and 0 <= cfg.trainer.max_epochs < epochs:
        raise UserError(f"trainer.max_epochs={cfg.trainer.max_epochs}: the run has done {epochs:.4g} epochs already")
    if cfg.max_iterations and cfg.max_iterations < iteration:
        raise UserError(f"max_iterations={cfg.max_iterations}: the run has done {iteration:,} iterations already")


def _settings(config: dict[str, Any]) -> dict[str, Any]:
    """What decides the result of an iteration."""
    data = {key: value for key, value in config["data"].items() if key not in WHERE_DATA_ARE}
    return {"seed": config["seed"], "data": data, "model": config["model"]}


def _final_metrics(trainer: L.Trainer, model: GenerativeModel, batches_per_epoch: int) -> dict[str, Any]:
    """What was logged last, without times."""
    figures = {name: value.item() for name, value in trainer.callback_metrics.items() if not name.startswith("time/")}
    return {"iteration": model.iteration, "epoch": model.iteration / batches_per_epoch} | figures


def _opening(model: GenerativeModel, data: Data, trainer: L.Trainer, run_dir: Path) -> str:
    """What is about to be trained, on what, where."""
    networks = ", ".join(f"{name} {_count(network)}" for name, network in model.named_children() if name != "ema")
    examples = f"{data.epoch_size:,} examples {shape_text(data.modality.sample_shape)}"
    device = trainer.strategy.root_device
    where = str(device) if trainer.world_size == 1 else f"{trainer.world_size} × {device.type}"
    return f"{type(model).__name__}: {networks} parameters; {examples}; on {where}; in {_near(run_dir)}"


def shape_text(shape: Shape) -> str:
    """Return a shape for people: 1×28×28, or the parts of joint content by name."""
    if isinstance(shape, dict):
        return ", ".join(f"{name} {shape_text(one)}" for name, one in shape.items())
    return "×".join(map(str, shape))


def _closing(
    metrics: dict[str, float], reports: list[str], manifest: Manifest, run_dir: Path, number: signal.Signals | None
) -> str:
    """What came out and where it is."""
    minutes, seconds = divmod(round(manifest.duration), 60)
    duration = f"{minutes} min {seconds} s"
    end = f"stopped by {number.name}" if number else "finished"
    training = ("loss/", "probability/", "gradient_norm/")
    figures = "   ".join(f"{name} {value:.4g}" for name, value in metrics.items() if name.startswith(training))
    rows = {
        "samples": run_dir / "samples",
        "metrics": run_dir / METRICS,
        "checkpoint": run_dir / LAST_CHECKPOINT,
        "logs": run_dir / "tensorboard",
    }
    return "\n".join(
        [
            f"{end} after {metrics['epoch']:.4g} epochs, {metrics['iteration']:,} iterations, {duration}",
            f"  {figures}",
            *(f"  {line}" for line in reports),
            *(f"  {name:<11} {_near(path)}" for name, path in rows.items() if path.exists()),
            f"  {'dashboard':<11} {_tensorboard()} --logdir {shlex.quote(str(_near(run_dir.parent)))}",
            *([f"  {'go on':<11} {_command()} {shlex.quote(f'resume={_near(run_dir)}')}"] if number else []),
        ]
    )


def _count(network: nn.Module) -> str:
    return f"{sum(parameter.numel() for parameter in network.parameters()) / 1e6:.2f} M"


def _near(path: Path) -> Path:
    """The path as seen from the working directory, where it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _command() -> str:
    """How this run was called, without its overrides."""
    name = "gan-train" if Path(sys.argv[0]).name == "gan-train" else "python train.py"
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config-dir", "-cd")
    config_dir = parser.parse_known_args(sys.argv[1:])[0].config_dir
    return f"{name} --config-dir {shlex.quote(config_dir)}" if config_dir else name


def _tensorboard() -> str:
    """How to call TensorBoard from here: by name if the environment is active, else by its path."""
    beside = Path(sys.executable).with_name("tensorboard")
    return "tensorboard" if shutil.which("tensorboard") else str(_near(beside))


def _of_a_thread(arguments: threading.ExceptHookArgs) -> None:
    """TensorBoard writes in a thread; what fails there is raised again where the run logs next."""
    if not isinstance(arguments.exc_value, OSError):
        threading.__excepthook__(arguments)


def _quiet_lightning() -> None:
    """Silence what does not apply here: one process feeds pictures from memory, and resuming is exact."""
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
