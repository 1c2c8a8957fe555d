"""The server's side of the process that loads models and runs jobs; a crashed one is replaced."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from gan_lightning.studio.refusals import Refusal

CANCEL_SECONDS = 5.0  # in which a job must notice that it is cancelled; then its process is killed
POLL_SECONDS = 0.1
ATTEMPTS = 2  # processes that are given a job before one starts it


class WorkerEnded(Exception):
    """The process ended while it ran a job."""


class JobCancelled(Exception):
    """The job has stopped because it was cancelled."""


class Worker:
    """Process that runs one job at a time.

    Args:
        trust_code: packages whose code checkpoints may name.
    """

    def __init__(self, trust_code: list[str]) -> None:
        self._trust_code = trust_code
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._stopped = False

    @property
    def process_id(self) -> int | None:
        """Id of the process; None before ``start``."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process, which then imports torch; it does not wait for that."""
        ours, theirs = socket.socketpair()
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        command = [sys.executable, "-m", "gan_lightning.studio.worker_process", str(theirs.fileno()), *self._trust_code]
        # A new session keeps the terminal's Ctrl-C from the process. It ends when its stdin is closed.
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, pass_fds=[theirs.fileno()], start_new_session=True
        )
        theirs.close()
        self._connection = Connection(ours.detach())

    def run(
        self,
        job: str,
        function: Callable[..., Any],
        arguments: dict[str, Any],
        on_progress: Callable[[float], None],
        is_cancelled: Callable[[], bool],
    ) -> Any:
        """Run ``function(toolbox, **arguments)`` in the process and return its result.

        Args:
            job: id of the job.
            function: a function of a module, which the process imports.
            arguments: arguments that can be pickled.
            on_progress: called with the share that is done.
            is_cancelled: called often; True stops the job.

        Raises:
            Refusal: if the function raised one, or a UserError.
            JobCancelled: if the job was cancelled.
            WorkerEnded: if the process ended. A new one is started.
        """
        message = ("run", job, f"{function.__module__}:{function.__qualname__}", arguments)
        for attempt in range(ATTEMPTS):
            started = False
            try:
                for kind, *values in self._messages(message, is_cancelled):
                    started = True
                    if kind == "progress":
                        on_progress(values[0])
                    elif kind == "done":
                        return values[0]
                    elif kind == "failed":
                        raise Refusal(400, **values[0])
                    elif kind == "cancelled":
                        raise JobCancelled
            except (EOFError, OSError) as error:
                code = self._replace()
                if is_cancelled():
                    raise JobCancelled from error
                if started or attempt + 1 == ATTEMPTS:  # a process that had ended before is no fault of the job
                    raise WorkerEnded(f"signal {-code}" if code < 0 else f"exit code {code}") from error
        raise AssertionError("unreachable")

    def _messages(self, message: tuple[Any, ...], is_cancelled: Callable[[], bool]) -> Iterator[tuple[Any, ...]]:
        """Send a job and yield the messages about it; kill the process if it does not notice that it is cancelled."""
        if self._process is None or self._process.poll() is not None:
            self._replace()
        assert self._connection is not None
        self._connection.send(message)
        deadline: float | None = None
        while True:
            if is_cancelled() and deadline is None:
                self._connection.send(("cancel", message[1]))
                deadline = time.monotonic() + CANCEL_SECONDS
            if deadline is not None and time.monotonic() > deadline:
                self._replace()
                raise JobCancelled
            if self._connection.poll(POLL_SECONDS):
                kind, _, *values = self._connection.recv()
                yield kind, *values

    def _replace(self) -> int:
        """Kill the process, start another, and return the exit code of the first."""
        code = self.close()
        if not self._stopped:
            self.start()
        return code

    def stop(self) -> None:
        """Kill the process for good, also while another thread waits for it in ``run``."""
        self._stopped = True
        if self._process is not None:
            self._process.kill()

    def close(self) -> int:
        """Kill the process if it runs, and return its exit code; 0 if there was none."""
        if self._process is None or self._connection is None:
            return 0
        self._connection.close()
        ended = self._process.poll()
        if ended is None:
            # A process that has closed its connection is about to end by itself.
            try:
                ended = self._process.wait(0.5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                ended = self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process = None
        return ended
