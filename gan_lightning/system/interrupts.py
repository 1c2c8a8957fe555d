"""Ctrl-C, SIGTERM and SIGHUP from a command's first moment on: one line, exit code 130, 143 or 129, no traceback.

SIGHUP comes when a terminal is closed or a connection is lost; under ``nohup`` it is ignored.

While modules are imported and the config is checked, a signal ends the process at once: there is nothing to take back,
and libraries in C++ do not survive an exception in the middle of their import. From ``under_way`` on it raises
KeyboardInterrupt, so that what is unfinished is removed. Training has a handler of its own, which saves the run:
:class:`gan_lightning.callbacks.stop.Stop`.
"""

import atexit
import os
import signal
import sys
from contextlib import suppress
from types import FrameType

# No more than that: a signal that comes before ``begin`` has Python's own end.
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
IMPORT = "<frozen importlib._bootstrap>"  # the file of every frame that imports
SECONDS = 0.05  # after which a signal that came amid an import is sent again
_came: list[int] = []


def exit_on_signals() -> None:
    """Have signals end the process at once; one that is ignored, as in jobs of a shell's background, stays so."""
    for number in STOP_SIGNALS:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler, raise_interrupt):
            signal.signal(number, exit_at_once)
    _came.clear()
    atexit.unregister(_ignore)
    atexit.register(_ignore)


def raise_on_signals() -> None:
    """From here on there is something to take back: have signals raise KeyboardInterrupt."""
    for number in STOP_SIGNALS:
        if signal.getsignal(number) is exit_at_once:
            signal.signal(number, raise_interrupt)


def active_stop_signals() -> list[signal.Signals]:
    """Return those that end a command here: without SIGHUP where it is ignored, as under ``nohup``."""
    hangup_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [number for number in STOP_SIGNALS if not (number == signal.SIGHUP and hangup_ignored)]


def record_signal(number: int) -> None:
    """Have the command end as interrupted, however what is under way ends."""
    _came.append(number)


def was_interrupted() -> bool:
    """Return whether a signal has ended what was under way."""
    return bool(_came)


def exit_interrupted() -> None:
    """Say that the command was interrupted, and end it."""
    print("interrupted", file=sys.stderr)
    raise SystemExit(128 + (_came or [signal.SIGINT])[0])


def exit_at_once(number: int, frame: FrameType | None) -> None:
    """Handle a signal when there is nothing to take back, or no time for that."""
    with suppress(OSError):  # the terminal may be gone
        os.write(2, b"interrupted\n")  # sys.stderr may be in use
    os._exit(128 + number)


def raise_interrupt(number: int, frame: FrameType | None) -> None:
    """Handle a signal amid work: raise KeyboardInterrupt, after the import that is under way."""
    if _importing(frame):
        import threading

        again = threading.Timer(SECONDS, os.kill, (os.getpid(), number))
        again.daemon = True
        again.start()
        return
    signal.signal(number, exit_at_once)
    record_signal(number)
    raise KeyboardInterrupt


def _importing(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_filename != IMPORT:
        frame = frame.f_back
    return frame is not None


def _ignore() -> None:
    """Let the interpreter end as it was about to: all is written."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
