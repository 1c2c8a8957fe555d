"""Jobs of several calls on an embedded chain, each in a thread of the server."""

from __future__ import annotations

import logging
import secrets
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from gan_lightning.errors import UserError
from gan_lightning.studio.market.calls import Task
from gan_lightning.studio.market.chain_errors import refusal_of
from gan_lightning.studio.market.open_market import OpenMarket
from gan_lightning.studio.market.outcomes import describe_result
from gan_lightning.studio.refusals import Refusal

MAX_JOBS, MAX_WAITING = 1000, 20  # that are remembered, and that have not ended
DONE, NOW, NEXT = "done", "now", "next"  # states of steps
RUNNING, FAILED = "running", "failed"  # states of jobs, besides DONE
log = logging.getLogger(__name__)


@dataclass
class Job:
    """Job of a visitor.

    Args:
        id: random name.
        visitor: id of the visitor.
        key: the request; the same one is not started twice at the same time.
        task: what is done.
        step: name of the step that is made now.
        words: the step in words.
        state: state of the job.
        error: the error of a job that has failed.
        result: the result of a job that has ended.
    """

    id: str
    visitor: str
    key: str
    task: Task
    step: str | None = None
    words: str = "waiting"
    state: str = RUNNING
    error: dict[str, Any] | None = None
    result: dict[str, Any] | None = None

    def describe(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.task.action,
            "state": self.state,
            "step": self.step,
            "steps": describe_steps(self.task, self.step, self.state == DONE),
            "progress_text": self.words,
            "error": self.error,
            "result": self.result,
        }


def describe_steps(task: Task, step: str | None, done: bool = False) -> list[dict[str, str]]:
    """Return the steps of a task with their states, of which one is made now."""
    now = len(task.steps) if done else task.steps.index(step) if step else 0
    states = [DONE if index < now else NOW if index == now else NEXT for index in range(len(task.steps))]
    return [{"name": name, "state": state} for name, state in zip(task.steps, states, strict=True)]


class Jobs:
    """Jobs of all visitors; the oldest ones that have ended are forgotten."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="market")
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()

    def start(self, visitor: str, key: str, task: Task, market: OpenMarket) -> Job:
        """Start a job and return it; if the same one of the visitor is running, return that.

        Raises:
            Refusal: if too many jobs are running.
        """
        with self._lock:
            running = [job for job in self._jobs.values() if job.state == RUNNING]
            for job in running:
                if (job.visitor, job.key) == (visitor, key):
                    return job
            if len(running) >= MAX_WAITING:
                raise Refusal(503, "busy", "too many registrations at once: try again in a few seconds")
            job = Job(secrets.token_hex(16), visitor, key, task)
            self._jobs[job.id] = job
            ended = [one.id for one in self._jobs.values() if one.state != RUNNING]
            for old in ended[: max(len(self._jobs) - MAX_JOBS, 0)]:
                del self._jobs[old]
        self._pool.submit(_run, job, market)
        return job

    def find(self, visitor: str, job_id: str) -> Job:
        """Return a job of a visitor; raise Refusal if there is none."""
        job = self._jobs.get(job_id)
        if job is None or job.visitor != visitor:
            raise Refusal(404, "no_such_job", "there is no such job of yours", {"job": job_id[:100]})
        return job

    def close(self) -> None:
        """Wait for the jobs that are running; those that wait are not started."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def carry_out(task: Task, market: OpenMarket, job: Job | None = None) -> dict[str, Any]:
    """Make the calls that a task needs, signed by a demo account, and return the result.

    Args:
        task: the task.
        market: the market.
        job: job that shows the progress; None for none.
    """
    receipt = None
    if job:
        job.step, job.words = task.steps[0], f"{task.steps[0]}: the ledger and the chain are read"
    while (call := task.next_call()) is not None:
        if job:
            job.step, job.words = call.what, call.words
        try:
            receipt = market.send(task.account, call)
        finally:
            market.note(call)
        if call.what == task.steps[-1]:
            break
    else:
        return describe_result(task.action, market.accounts, None, task.done_already())
    return describe_result(task.action, market.accounts, receipt)


def _run(job: Job, market: OpenMarket) -> None:
    try:
        job.result = carry_out(job.task, market, job)
        job.step, job.words, job.state = None, "done", DONE
    except Refusal as refusal:
        job.error, job.state = refusal.content, FAILED
    except UserError as error:
        job.error, job.state = refusal_of(error).content, FAILED
    except Exception:
        log.exception("a job of the market failed")
        job.error = Refusal(500, "internal", "an error in the studio, which its terminal shows").content
        job.state = FAILED
