"""Writes a run to its loggers what Lightning's interface has no method for: samples, texts, the config, positions.

A position says how much a logger has written when a checkpoint is made. A run that is resumed from the checkpoint
rewinds its loggers to it. Scalars need no writer: callbacks call ``logger.log_metrics``.
"""

import csv
import fcntl
import html
import logging
import os
import shlex
import shutil
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

import lightning.pytorch as L
from lightning.pytorch.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger
from omegaconf import OmegaConf

from gan_lightning.errors import UserError
from gan_lightning.files import make_folder, synchronize, write_atomically
from gan_lightning.modalities.modality import Modality
from gan_lightning.modalities.samples import Content
from gan_lightning.paths import path_argument, relative_to_cwd

Position = dict[str, Any]
Status = Literal["finished", "interrupted", "failed"]


class LogWriter:
    """Writes to a logger that this package does not know: hyperparameters, and nothing else.

    A subclass writes to a class of loggers all that it can hold. Steps are iterations.

    Attributes:
        extra: the extra to install for the logger, named like the package that it imports; None if it needs none.
        environment: variables that are set before the logger is built, unless the user has set them.
        logger: the logger to write to.
    """

    extra: ClassVar[str | None] = None
    environment: ClassVar[Mapping[str, str]] = {}

    def __init__(self, logger: Logger) -> None:
        self.logger = logger

    @classmethod
    def prepare(cls, node: Mapping[str, Any]) -> None:
        """Prepare this process for the logger that ``node`` describes, which is built next."""
        for variable, value in cls.environment.items():
            os.environ.setdefault(variable, value)

    def start(self, config: dict[str, Any], hyperparameters: dict[str, Any]) -> None:
        """Write what is known when the log starts.

        Args:
            config: the resolved config.
            hyperparameters: the values in it that decide the result, by key: ``model/generator/latent_dim``.
        """
        self.logger.log_hyperparams(hyperparameters)

    def content(self, modality: Modality, tag: str, content: Content, step: int, columns: int | None) -> None:
        """Write content of a modality, ``columns`` samples in a row."""

    def text(self, tag: str, text: str, step: int) -> None:
        """Write a text in Markdown."""

    def finish(self, hyperparameters: dict[str, Any], metrics: dict[str, float]) -> None:
        """Write the hyperparameters beside the final metrics, where the last scalars do not show them already."""

    def close(self, status: Status) -> None:
        """Release what the logger holds; nothing is written afterwards."""

    def position(self) -> Position:
        """Return how much has been written, and see that it is on the disk: plain values for a checkpoint."""
        return {}

    def rewind(self, position: Position | None) -> None:
        """Continue at a position.

        Args:
            position: what :meth:`position` returned; empty for a run that starts; None for a logger that the resumed
                run did not have when its checkpoint was made: earlier records of it stay.
        """

    def closing_rows(self, run_dir: Path) -> list[tuple[str, object]]:
        """Return lines of the closing summary, as (name, value): where the log is, and how to open it."""
        folder = self.logger.save_dir
        return [("logs", relative_to_cwd(Path(folder)))] if folder and Path(folder).exists() else []


class TensorBoardLog(LogWriter):
    """Writes to TensorBoard; a position is the size of each event file in bytes."""

    logger: TensorBoardLogger

    def start(self, config: dict[str, Any], hyperparameters: dict[str, Any]) -> None:
        self.logger.experiment.add_text("config", f"```yaml\n{_yaml(config)}```")

    def content(self, modality: Modality, tag: str, content: Content, step: int, columns: int | None) -> None:
        modality.log(self.logger.experiment, tag, content, step, columns)

    def text(self, tag: str, text: str, step: int) -> None:
        self.logger.experiment.add_text(tag, text, step)

    def finish(self, hyperparameters: dict[str, Any], metrics: dict[str, float]) -> None:
        from torch.utils.tensorboard.summary import hparams

        names = [name for name in metrics if "/" in name]  # those that are scalars on the dashboard too
        writer = self.logger.experiment._get_file_writer()  # as Lightning does; open even after the fit
        for summary in hparams(hyperparameters, dict.fromkeys(names, 0.0)):
            writer.add_summary(summary)
        self.logger.finalize("success")

    def position(self) -> Position:
        self.logger.experiment.flush()
        for path in self._files():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        return self._sizes()

    def rewind(self, position: Position | None) -> None:
        sizes = self._sizes() if position is None else position
        for path in self._files():
            if path.name not in sizes:
                path.unlink()
            elif path.stat().st_size > sizes[path.name]:
                os.truncate(path, sizes[path.name])
        # TensorBoard reads files in the order of their names, which start with the second in which they were made.
        while any(int(name.split(".")[3]) >= int(time.time()) for name in sizes):
            time.sleep(0.05)

    def closing_rows(self, run_dir: Path) -> list[tuple[str, object]]:
        folder = Path(self.logger.log_dir)
        call = f"{_tensorboard()} --logdir {shlex.quote(path_argument(run_dir.parent))}"
        return [*([("logs", relative_to_cwd(folder))] if folder.exists() else []), ("dashboard", call)]

    def _files(self) -> list[Path]:
        return list(Path(self.logger.log_dir).glob("events.out.tfevents.*"))

    def _sizes(self) -> Position:
        return {path.name: path.stat().st_size for path in self._files()}


class CSVLog(LogWriter):
    """Writes to ``metrics.csv``; a position is the number of rows.

    Lightning rewrites the file where a column is added, and deletes it where a run is resumed: a process that is killed
    then leaves a part of it. So each position keeps a copy of the rows beside it, ``metrics.csv.earlier``.
    """

    logger: CSVLogger

    def position(self) -> Position:
        self.logger.save()
        path = self._file()
        rows = _read_rows(path)
        if rows:
            with write_atomically(self._copy()) as unfinished:
                shutil.copyfile(path, unfinished)
                with unfinished.open("rb") as file:
                    synchronize(file)
        return {"rows": len(rows)}

    def rewind(self, position: Position | None) -> None:
        rows = _read_rows(self._copy())
        if position is not None:
            rows = rows[: position.get("rows", 0)]
        if not rows:
            self._copy().unlink(missing_ok=True)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*Experiment logs directory.*")  # it deletes the file, as is meant here
            experiment = self.logger.experiment
        for row in rows:
            experiment.log_metrics({name: value for name, value in row.items() if value}, int(row["step"]))
        experiment.save()

    def closing_rows(self, run_dir: Path) -> list[tuple[str, object]]:
        return [("logs", relative_to_cwd(self._file()))] if self._file().exists() else []

    def _file(self) -> Path:
        return Path(self.logger.log_dir, "metrics.csv")

    def _copy(self) -> Path:
        return self._file().with_name("metrics.csv.earlier")


class MLFlowLog(LogWriter):
    """Writes to MLflow; a position is the id of its run, in which values after the position stay and come twice."""

    extra = "mlflow"
    environment: ClassVar[Mapping[str, str]] = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ALLOW_FILE_STORE": "true",  # a folder, as from the first version on; newer ones ask for this
        "GIT_PYTHON_REFRESH": "quiet",  # no warning where git is not installed
    }
    logger: MLFlowLogger

    @classmethod
    def prepare(cls, node: Mapping[str, Any]) -> None:
        super().prepare(node)
        logging.getLogger("lightning.pytorch.loggers.mlflow").setLevel(logging.ERROR)  # "Experiment not found"
        if node.get("save_dir"):  # before processes that start together make it, with contents, which fails for one
            make_folder(Path(node["save_dir"]))

    def start(self, config: dict[str, Any], hyperparameters: dict[str, Any]) -> None:
        # A folder has a file for each name, and none for names below it.
        self.logger.log_hyperparams({name.replace("/", "."): value for name, value in hyperparameters.items()})
        self.logger.experiment.log_text(self.logger.run_id, _yaml(config), "config.yaml")

    def content(self, modality: Modality, tag: str, content: Content, step: int, columns: int | None) -> None:
        sheet, file = modality.sheet(content, columns), f"{tag}/iteration_{step:07d}.png"
        self.logger.experiment.log_image(self.logger.run_id, sheet, artifact_file=file)

    def text(self, tag: str, text: str, step: int) -> None:
        self.logger.experiment.log_text(self.logger.run_id, text, f"{tag}/iteration_{step:07d}.md")

    def close(self, status: Status) -> None:
        known = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}
        self.logger.experiment.set_terminated(self.logger.run_id, known[status])

    def position(self) -> Position:
        return {"run_id": self.logger.run_id}

    def rewind(self, position: Position | None) -> None:
        from mlflow.exceptions import MlflowException

        if position:
            self.logger._run_id = position["run_id"]
        with _one_line("logger.mlflow", MlflowException), _alone_in(self.logger.save_dir):
            self.logger.experiment.update_run(self.logger.run_id, status="RUNNING")

    def closing_rows(self, run_dir: Path) -> list[tuple[str, object]]:
        folder = self.logger.save_dir  # None where a server has the log
        if folder is None:
            return []
        call = f"MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri {shlex.quote(path_argument(Path(folder)))}"
        return [("logs", relative_to_cwd(Path(folder))), ("dashboard", call)]


class WandbLog(LogWriter):
    """Writes to Weights & Biases; a position is the id of its run, in which values after the position come twice."""

    extra = "wandb"
    environment: ClassVar[Mapping[str, str]] = {
        "WANDB_SILENT": "true",
        "WANDB_CONSOLE": "off",  # the terminal stays the run's own
        "WANDB_ERROR_REPORTING": "false",
    }
    logger: WandbLogger

    def start(self, config: dict[str, Any], hyperparameters: dict[str, Any]) -> None:
        self.logger.log_hyperparams(config)

    def content(self, modality: Modality, tag: str, content: Content, step: int, columns: int | None) -> None:
        self.logger.log_image(tag, [modality.sheet(content, columns)], step)

    def text(self, tag: str, text: str, step: int) -> None:
        from wandb import Html

        self.logger.log_metrics({tag: Html(f"<pre>{html.escape(text)}</pre>")}, step)  # type: ignore[dict-item]

    def close(self, status: Status) -> None:
        self.logger.experiment.finish(exit_code=int(status != "finished"))

    def position(self) -> Position:
        return {"id": self.logger.experiment.id}

    def rewind(self, position: Position | None) -> None:
        from wandb.errors import Error

        arguments = self.logger._wandb_init
        arguments.pop("anonymous", None)  # of which wandb says that it has no effect
        if position:
            arguments["id"] = position["id"]
        with _one_line("logger.wandb", Error):
            _ = self.logger.experiment

    def closing_rows(self, run_dir: Path) -> list[tuple[str, object]]:
        folder = Path(self.logger.save_dir or ".", "wandb")
        if not any(folder.glob("offline-run-*")):
            return []
        return [
            ("logs", relative_to_cwd(folder)),
            ("upload", f"wandb sync {shlex.quote(path_argument(folder))}/offline-run-*"),
        ]


WRITERS: dict[type[Logger], type[LogWriter]] = {
    TensorBoardLogger: TensorBoardLog,
    CSVLogger: CSVLog,
    MLFlowLogger: MLFlowLog,
    WandbLogger: WandbLog,
}


def writer_class(logger_class: object) -> type[LogWriter]:
    """Return the class that writes to loggers of a class."""
    parents = logger_class.__mro__ if isinstance(logger_class, type) else ()
    return next((WRITERS[parent] for parent in parents if parent in WRITERS), LogWriter)


def log_writer(logger: Logger) -> LogWriter:
    """Return what writes to a logger."""
    return writer_class(type(logger))(logger)


def log_writers(trainer: L.Trainer) -> list[LogWriter]:
    """Return what writes to each of the run's loggers, in their order."""
    return [log_writer(logger) for logger in trainer.loggers]


def _yaml(config: dict[str, Any]) -> str:
    return OmegaConf.to_yaml(OmegaConf.create(config))


def _read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table by the names of its columns; none where it is missing."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _tensorboard() -> str:
    """Return how to call TensorBoard from here: by name if the environment is active, else by its path."""
    beside = Path(sys.executable).with_name("tensorboard")
    return "tensorboard" if shutil.which("tensorboard") else shlex.quote(str(relative_to_cwd(beside)))


@contextmanager
def _one_line(key: str, error_class: type[Exception]) -> Iterator[None]:
    """Raise errors of a logger's package as UserError."""
    try:
        yield
    except error_class as error:
        raise UserError(f"{key}: {' '.join(str(error).split())}") from error


@contextmanager
def _alone_in(folder: str | None) -> Iterator[None]:
    """Wait for other processes that are in the same folder; None for no folder."""
    if folder is None:
        yield
        return
    with Path(folder, ".lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
