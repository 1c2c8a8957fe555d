"""Starts the studio in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gan_lightning.errors import UserError

START = "studio: "  # of the line that names the address


@contextmanager
def serve(runs: Path, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start ``gan-studio`` on a folder of runs, and yield its process and its address.

    Args:
        runs: the folder of runs.
        folder: folder for the gallery, the ledger and the identity.

    Raises:
        UserError: if it does not start.
    """
    command = [sys.executable, "-m", "gan_lightning.commands.studio", str(runs), "--no-browser"]
    command += ["--port", "0", "--folder", str(folder / "studio"), "--ledger", str(folder / "ledger")]
    environment = os.environ | {"GAN_IDENTITY_DIR": str(folder / "identity")}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line.startswith(START):
            raise UserError(f"{runs}: gan-studio does not start: run gan-studio {runs} to see why")
        yield process, line.removeprefix(START).strip()
    finally:
        process.terminate()
        process.wait()
