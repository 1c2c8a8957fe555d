"""Routes of the screen Watch: the runs, their metrics, sheets and scalars, and live updates."""

import re
from pathlib import Path
from typing import Annotated, Any

import yaml
from fastapi import APIRouter, Header, Request
from fastapi.responses import FileResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from gan_lightning.paths import CARD, OVERRIDES
from gan_lightning.studio.live import MAX_POINTS, Listener, Watcher, parse_position, stream
from gan_lightning.studio.refusals import Refusal, unknown
from gan_lightning.studio.run_files import SHEET, sheet_path
from gan_lightning.studio.studio import Studio
from gan_lightning.studio.tensorboards import tensorboard_command, tensorboard_url
from gan_lightning.studio.untrusted import clip, is_inside, read_small_text

MAX_LISTENERS = 200
MAX_CARD, MAX_OVERRIDES_TEXT = 2**18, 2**16  # characters
BRACKET, MAX_BRACKETS = re.compile(r"[\[{]"), 1000  # in overrides: a deeply nested text takes seconds to refuse
# Metadata before a card, and the digest after it, which only programs read.
METADATA, MARK = (
    re.compile(r"\A---\n.*?\n---\n", re.DOTALL),
    re.compile(r"\n<!-- Written by GAN Lightning.*\Z", re.DOTALL),
)


def router(studio: Studio) -> APIRouter:
    routes = APIRouter(prefix="/api")
    library, watcher = studio.library, Watcher(studio.library)
    listeners: set[Listener] = set()

    @routes.get("/runs")
    def list_runs() -> dict[str, Any]:
        return {"runs": [run.describe() for run in library.runs()]}

    @routes.get("/runs/{id}")
    def describe_run(id: str) -> dict[str, Any]:
        run = library.find(id)
        texts = {"card": read_card_text(run.path), "overrides": read_overrides(run.path), "sheets": run.sheets()}
        return watcher.details(id) | texts

    @routes.get("/runs/{id}/sheets/{name}")
    def read_sheet(id: str, name: str) -> FileResponse:
        run, found = library.find(id), SHEET.fullmatch(name)
        path = sheet_path(run.path, int(found[1])) if found else None
        if path is None or path.name != name or not is_inside(path, run.path):
            raise unknown("sheet", name)
        return FileResponse(path, media_type="image/png", headers={"Cache-Control": "private, max-age=600"})

    @routes.get("/runs/{id}/scalars")
    def read_scalars(id: str) -> dict[str, Any]:
        _, curves, position = watcher.read(id)
        return {"series": curves.series(MAX_POINTS), "position": str(position)}

    @routes.get("/runs/{id}/live")
    async def follow(
        request: Request, id: str, position: str | None = None, last_event_id: Annotated[str | None, Header()] = None
    ) -> StreamingResponse:
        await run_in_threadpool(library.find, id)
        if len(listeners) >= MAX_LISTENERS:
            raise Refusal(503, "busy", "too many pages follow runs: close some", {"most": MAX_LISTENERS})
        listener = Listener(watcher, id, parse_position(last_event_id) or parse_position(position))
        return _Stream(request, listener, listeners)

    @routes.get("/tensorboard")
    def find_tensorboard() -> dict[str, Any]:
        return {"url": tensorboard_url(library.folder), "command": tensorboard_command(library.folder)}

    return routes


class _Stream(StreamingResponse):
    """Answer that lasts until the client leaves.

    Args:
        request: the request.
        listener: yields the events for the client.
        listeners: set that holds the listener as long as the answer lasts.
    """

    def __init__(self, request: Request, listener: Listener, listeners: set[Listener]) -> None:
        super().__init__(stream(request, listener), media_type="text/event-stream")
        self._listener, self._listeners = listener, listeners
        listeners.add(listener)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._listeners.discard(self._listener)


def read_card_text(path: Path) -> str | None:
    """Return the Markdown of a run's model card without metadata; None without a card."""
    text = read_small_text(path, CARD)
    return None if text is None else MARK.sub("", METADATA.sub("", text[:MAX_CARD])).strip()


def read_overrides(path: Path) -> list[str]:
    """Return the overrides of a run as Hydra recorded them; none if the file holds something else."""
    text = read_small_text(path, OVERRIDES)
    if text is None or len(text) > MAX_OVERRIDES_TEXT or len(BRACKET.findall(text)) > MAX_BRACKETS:
        return []
    try:
        stored = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return []
    return [clip(one) for one in stored if isinstance(one, str)] if isinstance(stored, list) else []
