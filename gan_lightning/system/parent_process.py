"""A process that another one has started learns when that one is gone."""

import os
import stat
import sys
import threading
from collections.abc import Callable


def on_parent_exit(act: Callable[[], object]) -> None:
    """Call ``act`` when the parent process ends, however it does: its end of the pipe to our stdin is closed then.

    Where stdin is no pipe, nobody has to be followed.
    """
    if stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        threading.Thread(target=_wait_and, args=(act,), daemon=True).start()


def _wait_and(act: Callable[[], object]) -> None:
    os.read(sys.stdin.fileno(), 1)  # returns at the end of the pipe
    act()
