"""One command from its start to its end."""

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
    """Return what was typed for keys of Hydra's, with each ``${…}`` as it stands there."""
    return cast(list[str], OmegaConf.to_container(hydra.overrides.hydra, resolve=False))


class Session:
    """Keeps what was typed, what Hydra is given instead, what is to be undone, and the sweep under way.

    Each command makes one when it starts. Hydra instantiates the callbacks of ``conf/train.yaml`` by itself, so they
    cannot be given it: they ask ``Session.current()``. A job that a launcher runs in another process has one of its
    own there.

    Args:
        config_name: of the command's config.
        settings: of the command.
        argv: the program and what was typed after it.

    Attributes:
        arguments: the command line that Hydra gets.
        undo: takes back what was written before a run or a sweep could begin.
        resumed_sweep: the folder of the sweep that goes on.
        sweep_dir: the folder of the sweep under way.
        place: the key and the folder of the run or the sweep under way, as ``resume=outputs/demo``.
        interrupted: whether a job in this process was: those that would follow it do not begin.
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
        """True if tracebacks are asked for on the command line, before there is a config that says so."""
        return any(one in ("debug=true", "debug=True") for one in self.typed)

    def read_command_line(self) -> None:
        """Set ``arguments``: what was typed, after what an earlier run or sweep that is to go on was started with."""
        check_texts(self.typed)
        check_dashes(self.typed)
        renamed = {old: new for old, new in RENAMED.items() if new in self.settings.model_fields}
        check_renamed(self.typed, renamed)
        options, overrides = split(self.typed)
        recorded = self._recorded(overrides) if self.settings is TrainSettings else []
        keys = Keys(self.config_name, self.settings, [*options, *recorded, *overrides])
        sweep = is_sweep(options, overrides)
        typed = [as_typed(one, keys.text, sweep=sweep) for one in overrides]
        self.arguments = [*options, *recorded, *(one for one in typed if not one.startswith(f"{SWEEP_RESUME}="))]

    def _recorded(self, overrides: Sequence[str]) -> list[str]:
        """Return what the run or the sweep was begun with that is to go on or to be repeated, if one is."""
        keys = Keys(self.config_name, self.settings, overrides)
        for one in overrides:
            key, _, _ = one.partition("=")
            if key in ("resume", "reproduce", SWEEP_RESUME):
                folder = value_of(as_typed(one, keys.text))
                if key == SWEEP_RESUME:
                    typed = [as_typed(one, keys.text) for one in overrides]
                    return self._recorded_sweep(os.path.expanduser(folder), typed)
                if folder not in ("auto", None):
                    return self._recorded_run(key, os.path.expanduser(folder), overrides)
        return []

    def _recorded_run(self, key: str, folder: str, typed: Sequence[str]) -> list[str]:
        from gan_lightning.config.trust import check_overrides
        from gan_lightning.runs.folders import recorded_overrides

        overrides = recorded_overrides(key, folder, typed)
        check_overrides(overrides, typed)
        return overrides

    def _recorded_sweep(self, folder: str, typed: Sequence[str]) -> list[str]:
        """Return what makes Hydra begin a sweep again in its folder, where jobs find what they have done before."""
        from gan_lightning.config.trust import check_overrides
        from gan_lightning.runs.folders import recorded_sweep

        overrides = recorded_sweep(folder, typed)
        check_overrides(overrides, typed, sweep=True)
        self.resumed_sweep = folder
        return [*overrides, f"hydra.sweep.dir={quote(folder)}", "hydra.mode=MULTIRUN"]

    def summarize_sweep(self) -> None:
        """Make the table of a sweep that cannot end as it should, if it has begun."""
        from gan_lightning.runs.sweep import summarize

        if self.sweep_dir and any(Path(self.sweep_dir).rglob(str(OVERRIDES))):
            summarize(Path(self.sweep_dir), self.sweep_call(Path(self.sweep_dir)))

    def sets(self, key: str) -> bool:
        """Return whether a key was typed."""
        return any(one.lstrip("+").startswith(f"{key}=") for one in self.typed)

    def call(self) -> str:
        """Return how a run was called, without its overrides; to be asked while Hydra runs it."""
        hydra = HydraConfig.get()
        own = [source.path for source in hydra.runtime.config_sources if source.provider == "command-line"]
        words = [word for folder in own for word in ("--config-dir", path_argument(Path(folder)))]
        if (name := hydra.job.config_name) not in (None, self.config_name):
            words += ["--config-name", str(name)]
        return shlex.join([*self._begin(Path(self.program), "train"), *words])

    def call_of(self, command: str) -> str:
        """Return how another command of the package is called, without its overrides: ``generate``, say."""
        program = Path(self.program)
        script = program.parent / "scripts" / f"{command}.py"
        if program.name == "gan-train":
            script = program.with_name(f"gan-{command}")
        elif not script.is_file():
            script = PACKAGE
        return shlex.join(self._begin(script, command))

    def sweep_call(self, sweep_dir: Path) -> str:
        """Return the command that goes on with a sweep; to be asked while Hydra runs it."""
        overrides = overrides_of_hydra(HydraConfig.get())
        again = [shlex.quote(one) for one in overrides if one.startswith("hydra.sweep.subdir=")]
        return " ".join([self.call(), path_override(SWEEP_RESUME, sweep_dir), *again])

    def _begin(self, program: Path, command: str) -> list[str]:
        """Return the words that start a program from the working directory; of a file of the package, its module."""
        if program.name == f"gan-{command}":
            return [program.name if shutil.which(program.name) else path_argument(program)]
        found = Path(shutil.which("python") or "")
        python = "python" if found.parent == Path(sys.executable).parent else path_argument(Path(sys.executable))
        if program.is_relative_to(PACKAGE):
            return [python, "-m", f"gan_lightning.commands.{command}"]
        return [python, path_argument(program)]
