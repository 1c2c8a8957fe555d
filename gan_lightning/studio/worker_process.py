"""``python -m gan_lightning.studio.worker_process FD``: the process that loads models and runs the jobs of a studio.

It talks with the server over the socket FD. The server sends ``("run", job, function, arguments)``, one at a time, and
``("cancel", job)``. The process answers ``("started", job)``, ``("progress", job, share)``, and at the end
``("done", job, result)``, ``("failed", job, refusal)`` or ``("cancelled", job)``. It ends with the server, by whatever
cause.
"""

import importlib
import os
import signal
import sys
import time
import traceback
from collections import OrderedDict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_lightning.errors import UserError
from gan_lightning.studio.refusals import Refusal
from gan_lightning.system.interrupts import STOP_SIGNALS
from gan_lightning.system.parent_process import on_parent_exit

if TYPE_CHECKING:  # takes seconds to import
    from gan_lightning.runs.checkpoints import Trained

MAX_LOADED = 4  # models that stay in memory
REPORT_SECONDS = 0.1  # between two reports of progress


class Cancelled(Exception):
    """The server has cancelled the running job."""


class Toolbox:
    """First argument of every function that runs as a job: loads models, and reports progress.

    Args:
        connection: the connection to the server.
        trust_code: packages whose code checkpoints may name.
    """

    def __init__(self, connection: Connection, trust_code: list[str]) -> None:
        self.trust_code = trust_code
        self._connection = connection
        self._loaded: OrderedDict[tuple[Any, ...], Trained] = OrderedDict()
        self._reported = 0.0
        self._job = ""

    def start(self, job: str) -> None:
        """Start a job and tell the server."""
        self._job = job
        self._connection.send(("started", job))

    def load(self, checkpoint: Path) -> "Trained":
        """Return the model of a run's folder or a .ckpt file; the last few stay in memory.

        Raises:
            UserError: as :func:`gan_lightning.runs.checkpoints.load`.
        """
        from gan_lightning.runs.checkpoints import load
        from gan_lightning.runs.folders import last_checkpoints

        files = last_checkpoints(checkpoint) if checkpoint.is_dir() else [checkpoint]
        key = tuple((file, stat.st_mtime_ns, stat.st_size, stat.st_ino) for file in files for stat in [file.stat()])
        if key not in self._loaded:
            self._loaded[key] = load(str(checkpoint), self.trust_code, "--trust-code {}")
            while len(self._loaded) > MAX_LOADED:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(key)
        return self._loaded[key]

    def find_loaded(self, digest: str) -> "Trained | None":
        """Return the model of the checkpoint with this SHA-256 if it is in memory, though its file may have changed."""
        return next((one for one in self._loaded.values() if one.digest == digest), None)

    def report(self, share: float) -> None:
        """Tell the server what share of the job is done, from 0 to 1; call it between batches.

        Raises:
            Cancelled: if the job was cancelled.
        """
        while self._connection.poll():
            if self._connection.recv() == ("cancel", self._job):
                raise Cancelled
        if (now := time.monotonic()) - self._reported >= REPORT_SECONDS:
            self._reported = now
            self._connection.send(("progress", self._job, share))


def main() -> None:
    for number in STOP_SIGNALS:  # the server ends this process
        signal.signal(number, signal.SIG_IGN)
    on_parent_exit(lambda: os._exit(1))
    connection = Connection(int(sys.argv[1]))
    toolbox = Toolbox(connection, sys.argv[2:])
    importlib.import_module("gan_lightning.runs.checkpoints")  # before the first job arrives
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError):  # the server has ended
            return
        if message[0] == "run":
            connection.send(_answer(toolbox, *message[1:]))


def _answer(toolbox: Toolbox, job: str, function: str, arguments: dict[str, Any]) -> tuple[Any, ...]:
    toolbox.start(job)
    try:
        module, _, name = function.partition(":")
        return "done", job, getattr(importlib.import_module(module), name)(toolbox, **arguments)
    except Cancelled:
        return "cancelled", job
    except Refusal as refusal:
        return "failed", job, refusal.content
    except UserError as error:
        return "failed", job, Refusal(400, "refused", str(error)).content
    except MemoryError:
        return "failed", job, Refusal(503, "memory", "the memory is not enough: ask for fewer samples").content
    except Exception as error:  # of a model, whose code may be the user's
        traceback.print_exc()
        reason = " ".join(f"{type(error).__name__} {error}".split())[:300]
        return "failed", job, Refusal(500, "job_error", f"the job failed: {reason}", {"reason": reason}).content


if __name__ == "__main__":
    main()
