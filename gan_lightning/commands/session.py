"""The command that this process runs: its command line, and the run or sweep it works on."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from gan_lightning.commands.options import check_renamed
from gan_lightning.commands.overrides import as_typed, check_dashes, check_texts, is_sweep, split, value_of
from gan_lightning.config.grammar import quote
from gan_lightning.config.names import RENAMED
from gan_lightning.config.settings import Settings, TrainSettings
from gan_lightning.config.text import SWEEP_RESUME, Keys
from gan_lightning.paths import OVERRIDES, PACKAGE, path_argument, path_override


def overrides_of_hydra(hydra: Any) -> list[str]:
    """Return the overrides of Hydra's own keys, as they were typed: ``${…}`` is not resolved."""
    return cast(list[str], OmegaConf.to_container(hydra.overrides.hydra, resolve=False))


class Session:
    """State of one command in this process.

    Each command creates a session when it starts. Hydra instantiates the callbacks of ``conf/train.yaml`` by itself,
    without arguments, so they use ``Session.current()``. A job that a launcher runs in another process has its own
    session there.

    Args:
        config_name: the name of the command's config.
        settings: the class of the command's settings.
        argv: the program and its arguments.

    Attributes:
        arguments: the command line that Hydra gets in place of the typed one.
        undo: removes what was written for a run or a sweep that did not start.
        resumed_sweep: the folder of the sweep to continue; None for a new one.
        sweep_dir: the folder of the current sweep, once it has one.
        place: the key and the folder of the current run or sweep, such as ``resume=outputs/demo``.
        interrupted: True if a job in this process was interrupted, so that later jobs do not start.
    """

    _current: ClassVar[Session | None] = None

    def __init__(self, config_name: str, settings: type[Settings], argv: list[str]) -> None:
        self.config_name = config_name
        self.settings = settings
        self.program, self.typed = argv[0], argv[1:]
        self.arguments: list[str] = []
        self.undo: Callable[[], None] = lambda: None
        self.resumed_sweep: str | None = None
        self.sweep_dir: str | None = None
        self.place = ""
        self.interrupted = False
        Session._current = self

    @classmethod
    def current(cls) -> Session:
        """Return the session of this process."""
        return cls._current or cls("train", TrainSettings, ["train.py"])

    @property
    def debug(self) -> bool:
        """True if the command line asks for tracebacks; used before there is a config."""
        return any(one in ("debug=true", "debug=True") for one in self.typed)

    def read_command_line(self) -> None:
        """Set ``arguments``: the recorded overrides of a run or sweep to continue or repeat, then the typed ones."""
        check_texts(self.typed)
        check_dashes(self.typed)
        renamed = {old: new for old, new in RENAMED.items() if new in self.settings.model_fields}
        check_renamed(self.typed, renamed)
        options, overrides = split(self.typed)
        recorded = self._recorded_overrides(overrides) if self.settings is TrainSettings else []
        keys = Keys(self.config_name, self.settings, [*options, *recorded, *overrides])
        sweep = is_sweep(options, overrides)
        typed = [as_typed(one, keys.text, sweep=sweep) for one in overrides]
        self.arguments = [*options, *recorded, *(one for one in typed if not one.startswith(f"{SWEEP_RESUME}="))]

    def _recorded_overrides(self, overrides: Sequence[str]) -> list[str]:
        """Return the overrides of the run or sweep that the command line continues or repeats; [] for a new one."""
        keys = Keys(self.config_name, self.settings, overrides)
        for one in overrides:
            key, _, _ = one.partition("=")
            if key in ("resume", "reproduce", SWEEP_RESUME):
                folder = value_of(as_typed(one, keys.text))
                if key == SWEEP_RESUME:
                    typed = [as_typed(one, keys.text) for one in overrides]
                    return self._overrides_of_sweep(os.path.expanduser(folder), typed)
                if folder not in ("auto", None):
                    return self._overrides_of_run(key, os.path.expanduser(folder), overrides)
        return []

    def _overrides_of_run(self, key: str, folder: str, typed: Sequence[str]) -> list[str]:
        from gan_lightning.config.trust import check_overrides
        from gan_lightning.runs.folders import recorded_overrides

        overrides = recorded_overrides(key, folder, typed)
        check_overrides(overrides, typed)
        return overrides

    def _overrides_of_sweep(self, folder: str, typed: Sequence[str]) -> list[str]:
        """Return the overrides with which Hydra starts a sweep again in its folder; jobs there resume."""
        from gan_lightning.config.trust import check_overrides
        from gan_lightning.runs.folders import recorded_sweep

        overrides = recorded_sweep(folder, typed)
        check_overrides(overrides, typed, sweep=True)
        self.resumed_sweep = folder
        return [*overrides, f"hydra.sweep.dir={quote(folder)}", "hydra.mode=MULTIRUN"]

    def summarize_sweep(self) -> None:
        """Write the table of a sweep that was interrupted, if it has started a job."""
        from gan_lightning.runs.sweep import summarize

        if self.sweep_dir and any(Path(self.sweep_dir).rglob(str(OVERRIDES))):
            summarize(Path(self.sweep_dir), self.resume_sweep_command(Path(self.sweep_dir)))

    def sets(self, key: str) -> bool:
        """Return True if the command line sets ``key``."""
        return any(one.lstrip("+").startswith(f"{key}=") for one in self.typed)

    def train_command(self) -> str:
        """Return the command line of the current run or sweep, without its overrides. Hydra must be running it."""
        hydra = HydraConfig.get()
        own = [source.path for source in hydra.runtime.config_sources if source.provider == "command-line"]
        words = [word for folder in own for word in ("--config-dir", path_argument(Path(folder)))]
        if (name := hydra.job.config_name) not in (None, self.config_name):
            words += ["--config-name", str(name)]
        return shlex.join([*self._program_words(Path(self.program), "train"), *words])

    def typed_command(self) -> str:
        """Return the command line of this process, as it was typed."""
        return shlex.join([*self._program_words(Path(self.program), self.config_name), *self.typed])

    def command(self, name: str) -> str:
        """Return the command line of another command of the package, such as ``generate``, without overrides."""
        program = Path(self.program)
        script = program.parent / "scripts" / f"{name}.py"
        if program.name == "gan-train":
            script = program.with_name(f"gan-{name}")
        elif not script.is_file():
            script = PACKAGE
        return shlex.join(self._program_words(script, name))

    def resume_sweep_command(self, sweep_dir: Path) -> str:
        """Return the command line that continues a sweep. Hydra must be running it."""
        overrides = overrides_of_hydra(HydraConfig.get())
        again = [shlex.quote(one) for one in overrides if one.startswith("hydra.sweep.subdir=")]
        return " ".join([self.train_command(), path_override(SWEEP_RESUME, sweep_dir), *again])

    def _program_words(self, program: Path, command: str) -> list[str]:
        """Return the words that run a program from the working directory, without its arguments.

        Args:
            program: the installed program, the script, or a file of the package, which is run as a module.
            command: the name of the command.
        """
        if program.name == f"gan-{command}":
            return [program.name if shutil.which(program.name) else path_argument(program)]
        python_on_path = Path(shutil.which("python") or "")
        python = (
            "python" if python_on_path.parent == Path(sys.executable).parent else path_argument(Path(sys.executable))
        )
        if program.is_relative_to(PACKAGE):
            return [python, "-m", f"gan_lightning.commands.{command}"]
        return [python, path_argument(program)]
