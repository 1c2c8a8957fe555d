"""One command from its start to its end."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from hydra.core.hydra_config import HydraConfig

from gan_lightning.commands.overrides import as_typed, options_first, text_of
from gan_lightning.config.settings import Settings, TrainSettings
from gan_lightning.paths import OVERRIDES, near


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
        return cls._current or cls("train", TrainSettings, sys.argv[:1])

    @property
    def debug(self) -> bool:
        """True if tracebacks are asked for on the command line, before there is a config that says so."""
        return any(one in ("debug=true", "debug=True") for one in self.typed)

    def read_command_line(self) -> None:
        """Set ``arguments``: what was typed, after what an earlier run or sweep that is to go on was started with."""
        self.arguments = [
            as_typed(one, self.config_name, self.settings, self.typed) for one in options_first(self.typed)
        ]
        if self.settings is not TrainSettings:
            return
        for i, argument in enumerate(self.arguments):
            key, _, _ = argument.partition("=")
            if key in ("resume", "reproduce") and (folder := text_of(argument)) not in ("auto", "null"):
                self.arguments[i:i] = self._recorded(key, folder)
                return
            if key == "sweep.resume":
                self.arguments[i : i + 1] = self._recorded_sweep(text_of(argument))
                return

    def _recorded(self, key: str, folder: str) -> list[str]:
        from gan_lightning.config.trust import check_overrides
        from gan_lightning.runs.folders import recorded_overrides

        overrides = recorded_overrides(key, folder, self.arguments)
        check_overrides(overrides, self.arguments)
        return overrides

    def _recorded_sweep(self, folder: str) -> list[str]:
        """Return what makes Hydra begin a sweep again in its folder, where jobs find what they have done before."""
        from gan_lightning.config.trust import check_overrides
        from gan_lightning.runs.folders import recorded_sweep

        overrides = recorded_sweep(folder, self.arguments)
        check_overrides(overrides, self.arguments, sweep=True)
        self.resumed_sweep = folder
        where = as_typed(f"hydra.sweep.dir={folder}", self.config_name, self.settings, [])
        return [*overrides, where, "hydra.mode=MULTIRUN"]

    def summarize_sweep(self) -> None:
        """Make the table of a sweep that cannot end as it should, if it has begun."""
        from gan_lightning.runs.sweep import summarize

        if self.sweep_dir and any(Path(self.sweep_dir).rglob(str(OVERRIDES))):
            summarize(Path(self.sweep_dir))

    def call(self) -> str:
        """Return how a run was called, without its overrides; to be asked while Hydra runs it."""
        name = "gan-train" if Path(self.program).name == "gan-train" else "python train.py"
        sources = HydraConfig.get().runtime.config_sources
        own = next((source.path for source in sources if source.provider == "command-line"), None)
        return f"{name} --config-dir {shlex.quote(str(near(Path(own))))}" if own else name
