"""Jobs: work for the worker process, in a queue, one after another."""

import asyncio
import secrets
import threading
import time
import traceback
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

from gan_lightning.studio.refusals import Refusal, unknown
from gan_lightning.studio.visitors import Visitor
from gan_lightning.studio.worker import JobCancelled, Worker, WorkerEnded

MAX_WAITING, MAX_WAITING_OF_ONE = 64, 4  # jobs in the queue: of all visitors, and of one
MAX_ENDED, ENDED_SECONDS = 500, 600  # number and age of ended jobs that can still be asked for

State = Literal["queued", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class Task:
    """Work of a job.

    Attributes:
        function: function of a module, called in the worker process as ``function(toolbox, **arguments)`` with a
            :class:`gan_lightning.studio.worker_process.Toolbox`. Its module must import quickly: torch is imported
            inside the function.
        arguments: arguments that can be pickled.
        finish: turns the result of ``function`` into that of the job, in a thread of the server.
        clean: called if the job does not end well, in a thread of the server.
    """

    function: Callable[..., Any]
    arguments: dict[str, Any]
    finish: Callable[[Any], Any] = lambda result: result
    clean: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Kind:
    """Kind of job: what a visitor sends, and how it becomes a task.

    Attributes:
        request: model of the body of ``POST /api/jobs``, without ``kind``.
        prepare: returns the task; raises Refusal if the request cannot be fulfilled. It runs in a thread.
    """

    request: type[BaseModel]
    prepare: Callable[[Visitor, Any], Task]


@dataclass(eq=False)
class Job:
    """A task in the queue, running, or ended."""

    visitor: Visitor
    kind: str
    task: Task
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    state: State = "queued"
    progress: float | None = None
    error: dict[str, Any] | None = None
    result: Any = None
    cancelled: bool = False
    ended: float | None = None
    listeners: list[Callable[[], None]] = field(default_factory=list)


class Jobs:
    """Queue of jobs, and the thread that passes them to the worker process.

    Args:
        worker: the process that runs them.
    """

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._waiting: deque[Job] = deque()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._running: Job | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)

    def start(self) -> None:
        """Start the worker process, and work on the queue."""
        self._thread.start()

    def close(self) -> None:
        """Cancel all jobs and end the worker process."""
        with self._changed:
            self._closed = True
            for job in [*self._waiting, *([self._running] if self._running else [])]:
                job.cancelled = True
            self._changed.notify_all()
        self.worker.stop()
        if self._thread.ident is not None:
            self._thread.join()
        self.worker.close()

    def add(self, visitor: Visitor, kind: str, task: Task) -> Job:
        """Add a job to the queue and return it.

        Raises:
            Refusal: if too many jobs are waiting.
        """
        job = Job(visitor, kind, task)
        with self._changed:
            if len(self._waiting) >= MAX_WAITING:
                message = "many visitors are waiting: try again in a moment"
                raise Refusal(503, "busy", message, {"waiting": len(self._waiting)}, {"Retry-After": "5"})
            if sum(one.visitor == visitor for one in self._waiting) >= MAX_WAITING_OF_ONE:
                message = f"{MAX_WAITING_OF_ONE} of your jobs are waiting: cancel one, or wait"
                raise Refusal(429, "too_many_jobs", message, {"most": MAX_WAITING_OF_ONE}, {"Retry-After": "2"})
            self._forget_old()
            self._jobs[job.id] = job
            self._waiting.append(job)
            self._changed.notify_all()
        return job

    def find(self, visitor: Visitor, name: str) -> Job:
        """Return a job of a visitor; raise Refusal if there is none of this id."""
        with self._changed:
            job = self._jobs.get(name)
        if job is None or job.visitor != visitor:
            raise unknown("job", name)
        return job

    def cancel(self, job: Job) -> None:
        """Cancel a job: a waiting one at once, a running one between batches, an ended one not at all."""
        with self._changed:
            job.cancelled = True
            if job not in self._waiting:
                return
            self._waiting.remove(job)
        self._end(job, "cancelled")

    def describe(self, job: Job) -> dict[str, Any]:
        """Return a job as the API writes it; the position of a waiting job is the number of jobs before it."""
        with self._changed:
            position = self._waiting.index(job) if job in self._waiting else None
            return {
                "id": job.id,
                "kind": job.kind,
                "state": job.state,
                "position": position,
                "progress": job.progress,
                "error": job.error,
                "result": job.result,
            }

    async def wait(self, job: Job, seconds: float) -> None:
        """Wait until a job changes or has ended, at most for some seconds."""
        loop, change = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            loop.call_soon_threadsafe(change.set)

        with self._changed:
            if job.ended is not None:
                return
            job.listeners.append(tell)
        try:
            async with asyncio.timeout(seconds):
                await change.wait()
        except TimeoutError:
            pass
        finally:
            with self._changed:
                job.listeners.remove(tell)

    def _work(self) -> None:
        self.worker.start()
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                job = self._running = self._waiting.popleft()
                job.state = "running"
                others = list(self._waiting)
            for one in [job, *others]:  # all positions have changed
                self._tell(one)
            self._run(job)
            self._running = None

    def _run(self, job: Job) -> None:
        def on_progress(share: float) -> None:
            job.progress = share
            self._tell(job)

        task = job.task
        try:
            made = self.worker.run(job.id, task.function, task.arguments, on_progress, lambda: job.cancelled)
            job.result = task.finish(made)
            self._end(job, "done")
            return
        except JobCancelled:
            ending: State = "cancelled"
        except Refusal as refusal:
            job.error, ending = refusal.content, "failed"
        except WorkerEnded as error:
            message = f"the process that generates has ended ({error}): ask for fewer samples, or try again"
            job.error, ending = Refusal(500, "worker_ended", message, {"reason": str(error)}).content, "failed"
        except Exception:
            traceback.print_exc()
            job.error, ending = Refusal(500, "internal", "an error in the studio").content, "failed"
        task.clean()
        self._end(job, ending)

    def _end(self, job: Job, state: State) -> None:
        with self._changed:
            job.state, job.ended = state, time.monotonic()
        self._tell(job)

    def _tell(self, job: Job) -> None:
        with self._changed:
            for listener in job.listeners:
                listener()

    def _forget_old(self) -> None:
        """Forget ended jobs that are old or too many."""
        ended = [job for job in self._jobs.values() if job.ended is not None]
        oldest = time.monotonic() - ENDED_SECONDS
        for i, job in enumerate(ended):
            if len(ended) - i > MAX_ENDED or (job.ended or 0) < oldest:
                del self._jobs[job.id]
