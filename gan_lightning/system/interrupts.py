"""Signal handlers of all commands: SIGINT, SIGTERM and SIGHUP print one line and exit with 130, 143 or 129.

SIGHUP is sent when a terminal is closed or a connection is lost; under ``nohup`` it is ignored.

While modules are imported and the config is checked, a signal exits at once (``exit_on_signals``): there is nothing to
clean up, and C++ libraries may crash if an exception interrupts their import. Afterwards it raises KeyboardInterrupt
(``raise_on_signals``), so that unfinished files are removed. Training installs a handler that saves the run:
:class:`gan_lightning.callbacks.stop.Stop`.
"""

import atexit
import os
import signal
import sys
from contextlib import suppress
from types import FrameType

# This module imports little: until exit_on_signals() has run, a signal prints Python's traceback.
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
IMPORT_FILE = "<frozen importlib._bootstrap>"  # file name of the frames of the import system
RETRY_SECONDS = 0.05  # after which a signal received during an import is sent again
_received: list[int] = []


def exit_on_signals() -> None:
    """Make signals exit the process at once; ignored signals, as in background jobs of a shell, stay ignored."""
    for number in STOP_SIGNALS:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler, raise_interrupt):
            signal.signal(number, exit_at_once)
    _received.clear()
    atexit.unregister(_ignore_signals)
    atexit.register(_ignore_signals)


def raise_on_signals() -> None:
    """Make signals raise KeyboardInterrupt, so that the command can clean up."""
    for number in STOP_SIGNALS:
        if signal.getsignal(number) is exit_at_once:
            signal.signal(number, raise_interrupt)


def active_stop_signals() -> list[signal.Signals]:
    """Return the signals that stop a command: without SIGHUP if it is ignored, as under ``nohup``."""
    hangup_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [number for number in STOP_SIGNALS if not (number == signal.SIGHUP and hangup_ignored)]


def record_signal(number: int) -> None:
    """Record a signal, so that the command exits with its code however the current work ends."""
    _received.append(number)


def was_interrupted() -> bool:
    """Return True if a signal was recorded."""
    return bool(_received)


def exit_interrupted() -> None:
    """Print "interrupted" and exit with 128 plus the number of the first recorded signal."""
    print("interrupted", file=sys.stderr)
    raise SystemExit(128 + (_received or [signal.SIGINT])[0])


def exit_at_once(number: int, frame: FrameType | None) -> None:
    """Signal handler that exits without any cleanup."""
    with suppress(OSError):  # the terminal may be closed
        os.write(2, b"interrupted\n")  # sys.stderr may be in use
    os._exit(128 + number)


def raise_interrupt(number: int, frame: FrameType | None) -> None:
    """Signal handler that raises KeyboardInterrupt; during an import it sends the signal again a moment later."""
    if _importing(frame):
        import threading

        retry = threading.Timer(RETRY_SECONDS, os.kill, (os.getpid(), number))
        retry.daemon = True
        retry.start()
        return
    signal.signal(number, exit_at_once)
    record_signal(number)
    raise KeyboardInterrupt


def _importing(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_filename != IMPORT_FILE:
        frame = frame.f_back
    return frame is not None


def _ignore_signals() -> None:
    """Ignore signals while the interpreter shuts down: all files are written."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
