"""Stops a run between two iterations: at a limit, on Ctrl-C, SIGTERM or SIGHUP, or on a scheduler's signal."""

import math
import signal
import time
from types import FrameType
from typing import Any

import lightning.pytorch as L

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.callbacks import Watcher
from gan_lightning.errors import RERAISED_SIGNALS
from gan_lightning.system.distributed import max_over_processes
from gan_lightning.system.interrupts import STOP_SIGNALS, active_stop_signals, exit_at_once, raise_interrupt


class Stop(Watcher):
    """Callback that makes the Trainer stop after the current iteration, so that the checkpoint holds whole iterations.

    Ctrl-C, SIGTERM and SIGHUP are stored in ``signal``; a second Ctrl-C or SIGTERM ends the process at once. SIGUSR1
    and SIGUSR2 are stored if the process has a handler for them, see :meth:`Interrupted.exit_process`. Several
    processes all stop after the same iteration.

    Args:
        max_iterations: number of generator updates to stop after; None for no limit.
        max_cpu_minutes: processor time of all threads of all processes since training started; None for no limit.
    """

    def __init__(self, max_iterations: int | None, max_cpu_minutes: float | None = None) -> None:
        self.max_iterations = max_iterations
        self.max_cpu_seconds = math.inf if max_cpu_minutes is None else 60 * max_cpu_minutes
        self.signal: signal.Signals | None = None
        self._handlers: dict[signal.Signals, Any] = {}

    def on_train_start(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        handled = [number for number in RERAISED_SIGNALS if callable(signal.getsignal(number))]
        for number in (*active_stop_signals(), *handled):
            self._handlers[number] = signal.signal(number, self._store_signal)
        self._cpu_seconds_before = time.process_time()
        self._check(trainer, pl_module)  # a resumed run may have reached its limit already

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: GenerativeModel, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._check(trainer, pl_module)

    def teardown(self, trainer: L.Trainer, pl_module: GenerativeModel, stage: str) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _check(self, trainer: L.Trainer, pl_module: GenerativeModel) -> None:
        reached = self.max_iterations is not None and pl_module.iteration >= self.max_iterations
        if number := max_over_processes(self.signal or 0):
            self.signal = signal.Signals(int(number))
        if reached or self.signal is not None or self._cpu_time_is_over(trainer):
            trainer.should_stop = True

    def _cpu_time_is_over(self, trainer: L.Trainer) -> bool:
        if self.max_cpu_seconds == math.inf:
            return False
        cpu_seconds = max_over_processes(time.process_time() - self._cpu_seconds_before)
        return trainer.world_size * cpu_seconds >= self.max_cpu_seconds

    def _store_signal(self, number: int, frame: FrameType | None) -> None:
        if self.signal not in RERAISED_SIGNALS:
            self.signal = signal.Signals(number)
        if number in STOP_SIGNALS:
            signal.signal(signal.SIGINT, raise_interrupt)
            signal.signal(signal.SIGTERM, exit_at_once)
