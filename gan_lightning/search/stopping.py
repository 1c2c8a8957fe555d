"""Ctrl-C and SIGTERM during a search: the run of the trial under way is saved, and the trial is tried again.

A signal is remembered and heeded between trials: an exception in the middle of a database's work may be lost there.
"""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gan_lightning.errors import Interrupted
from gan_lightning.system.interrupts import active_stop_signals, exit_at_once

_came: list[signal.Signals] = []
_children: list[subprocess.Popen[bytes]] = []


@contextmanager
def signals() -> Iterator[None]:
    """Remember signals, of which a second one ends the process at once."""
    before = {number: signal.signal(number, _remember) for number in active_stop_signals()}
    _came.clear()
    try:
        yield
        check()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check() -> None:
    """Raise Interrupted if a signal has come."""
    if _came:
        raise Interrupted(_came[0])


def errors_of(command: list[str]) -> tuple[int, str]:
    """Run a command that saves its work and ends when its stdin is closed; return its exit code and its errors."""
    # In a session of its own: it learns of Ctrl-C by the pipe alone; a second signal would end it before it is saved.
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    ) as child:
        _children.append(child)
        if _came:
            _end_children()
        assert child.stderr is not None
        said = child.stderr.read()  # not communicate(), which closes the pipe that the command follows
        child.wait()
        _children.remove(child)
    check()
    return child.returncode, said.decode(errors="replace")


def _remember(number: int, frame: Any) -> None:
    _came.append(signal.Signals(number))
    for one in active_stop_signals():
        signal.signal(one, exit_at_once)
    _end_children()


def _end_children() -> None:
    for child in _children:
        assert child.stdin is not None
        child.stdin.close()
