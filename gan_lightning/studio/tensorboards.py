"""Finds a running TensorBoard that shows the runs of a library."""

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

from tensorboard import manager

from gan_lightning.paths import path_argument

PREFIX = re.compile(r"(/[\w-]{1,50}){0,5}/?", re.ASCII)


def tensorboard_url(folder: Path) -> str | None:
    """Return the address of a running TensorBoard that shows the folder; None if there is none."""
    for info in manager.get_all():
        logs = _log_folder(info.pid, info.logdir)
        if (
            logs
            and folder.resolve().is_relative_to(logs)
            and 0 < info.port < 2**16
            and PREFIX.fullmatch(info.path_prefix)
        ):
            return f"http://localhost:{info.port}{info.path_prefix.rstrip('/')}/"
    return None


def tensorboard_command(folder: Path) -> str:
    """Return the command that starts TensorBoard for the folder, by its path unless it is on PATH."""
    beside = shlex.quote(str(Path(sys.executable).with_name("tensorboard")))
    return f"{'tensorboard' if shutil.which('tensorboard') else beside} --logdir {shlex.quote(path_argument(folder))}"


def _log_folder(process: int, folder: str) -> Path | None:
    """Return the folder of logs of a TensorBoard; None if its process has ended, or the folder cannot be found out."""
    try:
        os.kill(process, 0)
        start = Path() if os.path.isabs(folder) else Path(os.readlink(f"/proc/{process}/cwd"))
        return (start / folder).resolve() if folder else None
    except (OSError, ValueError, OverflowError):
        return None
