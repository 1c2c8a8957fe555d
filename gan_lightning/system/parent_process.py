"""Notifies a child process when its parent process has ended."""

import os
import stat
import sys
import threading
from collections.abc import Callable


def on_parent_exit(callback: Callable[[], object]) -> None:
    """Call ``callback`` in a thread when the parent process ends, by whatever cause.

    The parent holds the other end of the pipe that is this process's stdin; its end closes the pipe. Do nothing if
    stdin is not a pipe.
    """
    if stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        threading.Thread(target=_call_at_end_of_stdin, args=(callback,), daemon=True).start()


def _call_at_end_of_stdin(callback: Callable[[], object]) -> None:
    os.read(sys.stdin.fileno(), 1)  # blocks until the pipe is closed
    callback()
