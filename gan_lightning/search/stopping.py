"""Handles Ctrl-C and SIGTERM during a search: the current run is saved, and its trial is queued again.

A signal is recorded and raised as Interrupted between runs only: an exception raised inside the database library could
be swallowed there.
"""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gan_lightning.errors import Interrupted
from gan_lightning.system.interrupts import active_stop_signals, exit_at_once

_received: list[signal.Signals] = []
_children: list[subprocess.Popen[bytes]] = []


@contextmanager
def deferred_signals() -> Iterator[None]:
    """Record the first signal and raise Interrupted at the next check; exit at once on a second one."""
    before = {number: signal.signal(number, _handle_signal) for number in active_stop_signals()}
    _received.clear()
    try:
        yield
        raise_if_interrupted()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def raise_if_interrupted() -> None:
    """Raise Interrupted if a signal was received."""
    if _received:
        raise Interrupted(_received[0])


def run_child(command: list[str]) -> tuple[int, str]:
    """Run a command and return its exit code and its standard error.

    A signal closes the stdin of the command, which then saves its work and exits.

    Raises:
        Interrupted: if a signal was received meanwhile.
    """
    # A new session keeps the terminal's Ctrl-C from the child: a second signal would end it before it has saved.
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    ) as child:
        _children.append(child)
        if _received:
            _stop_children()
        assert child.stderr is not None
        errors = child.stderr.read()  # not communicate(), which would close stdin and so stop the child
        child.wait()
        _children.remove(child)
    raise_if_interrupted()
    return child.returncode, errors.decode(errors="replace")


def _handle_signal(number: int, frame: Any) -> None:
    _received.append(signal.Signals(number))
    for stop_signal in active_stop_signals():
        signal.signal(stop_signal, exit_at_once)
    _stop_children()


def _stop_children() -> None:
    for child in _children:
        assert child.stdin is not None
        child.stdin.close()
