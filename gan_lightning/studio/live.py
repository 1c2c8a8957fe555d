"""Live updates of runs: the changes since a listener last asked, as server-sent events."""

import asyncio
import json
import re
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from gan_lightning.studio.curves import Curves, Position
from gan_lightning.studio.library import Library
from gan_lightning.studio.refusals import Refusal
from gan_lightning.studio.run_metrics import describe_metrics
from gan_lightning.studio.runs import Run
from gan_lightning.studio.untrusted import clip

POLL_SECONDS, COMMENT_SECONDS = 1.0, 15.0
MAX_POINTS = 500  # of a tag in one answer
MAX_LOGS = 64  # that are kept open
POSITION = re.compile(r"(\d{1,9})\.(\d{1,9})", re.ASCII)
ALARM = "alarm/collapsed"  # scalar that is 1 while the alarm rings


class Watcher:
    """Reads runs and their logs. All methods may be called from several threads.

    Args:
        library: the runs.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._curves: OrderedDict[Path, Curves] = OrderedDict()

    def read(self, id: str) -> tuple[Run, Curves, Position]:
        """Return a run, its scalars, and the position at their end, all as they are now.

        Raises:
            Refusal: if there is no such run.
        """
        run = self._library.find(id)
        with self._lock:
            curves = self._curves.setdefault(run.path, Curves(run.path))
            self._curves.move_to_end(run.path)
            while len(self._curves) > MAX_LOGS:
                self._curves.popitem(last=False)
        return run, curves, curves.update()

    def details(self, id: str) -> dict[str, Any]:
        """Return status, iterations, metrics and alarm of a run, where its log is newer than its other files."""
        run, curves, _ = self.read(id)
        return run.describe() | status_of(run, curves) | {"metrics": metrics_of(run, curves)}


def status_of(run: Run, curves: Curves) -> dict[str, Any]:
    """Return how far a run is: status, iterations, seconds, and the alarm in words."""
    status = run.status
    alarm = run.alarm
    if status == "running":
        alarm = clip(curves.text("alarm")) or "collapsed" if curves.last().get(ALARM) == 1 else None
    return {
        "status": status,
        "iterations": max(run.iterations, curves.iterations),
        "seconds": round(run.seconds, 1),
        "alarm": alarm,
    }


def metrics_of(run: Run, curves: Curves) -> list[dict[str, Any]]:
    return describe_metrics(run.files, curves.last(), curves.text("evaluation"))


def parse_position(text: str | None) -> Position | None:
    """Return the position in a text; None for other texts."""
    found = POSITION.fullmatch(text or "")
    return Position(int(found[1]), int(found[2])) if found else None


class Listener:
    """Listener to one run, which receives only changes.

    Args:
        watcher: reads the run.
        id: the run.
        position: position after which points are sent; None to start with the next point.
    """

    def __init__(self, watcher: Watcher, id: str, position: Position | None) -> None:
        self._watcher = watcher
        self._id = id
        self._position = position
        self._run: Run | None = None
        self._sent: dict[str, Any] = {}

    def poll(self) -> list[str]:
        """Return the events since the last call, as server-sent events.

        Raises:
            Refusal: if the run has disappeared.
        """
        run, curves, position = self._watcher.read(self._id)
        return list(self._events(run, curves, position))

    def _events(self, run: Run, curves: Curves, position: Position) -> Iterator[str]:
        if self._position is None:
            self._position = position
        new = curves.since(self._position)
        if new is None:
            yield _event("scalars", {"reset": True, "series": curves.series(MAX_POINTS)}, position)
        elif new:
            yield _event("scalars", {"reset": False, "series": new}, position)
        if position != self._position or run is not self._run:
            yield from self._changed("metrics", {"metrics": metrics_of(run, curves)})
        self._position, self._run = position, run
        if run.files.sheets:
            last = run.files.sheets[-1]
            yield from self._changed("sheet", {"iteration": last, "url": run.sheet_url(last)})
        yield from self._changed("status", status_of(run, curves))

    def _changed(self, name: str, data: dict[str, Any]) -> Iterator[str]:
        """Yield an event if its data differ from those of the last one; the duration alone is no difference."""
        compared = {key: value for key, value in data.items() if key != "seconds"}
        if self._sent.get(name) != compared:
            self._sent[name] = compared
            yield _event(name, data)


async def stream(request: Request, listener: Listener) -> AsyncIterator[str]:
    """Yield the events for a listener until the client leaves or the run disappears."""
    last = time.monotonic()
    while not await request.is_disconnected():
        try:
            events = await run_in_threadpool(listener.poll)
        except Refusal:
            return
        if not events and time.monotonic() - last > COMMENT_SECONDS:
            events = [": still there\n\n"]  # tells proxies, and this server, if the connection is still open
        for event in events:
            last = time.monotonic()
            yield event
        await asyncio.sleep(POLL_SECONDS)


def _event(name: str, data: dict[str, Any], position: Position | None = None) -> str:
    """Return a server-sent event; its id, the position, comes back if the browser connects again."""
    start = f"id: {position}\n" if position else ""
    return f"{start}event: {name}\ndata: {json.dumps(data, allow_nan=False)}\n\n"
