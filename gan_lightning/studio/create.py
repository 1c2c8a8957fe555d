"""Routes of the create screen: jobs of all kinds, uploads, and the files of samples that are not kept."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from gan_lightning.studio.kinds import kinds
from gan_lightning.studio.refusals import Refusal, unknown
from gan_lightning.studio.studio import Studio
from gan_lightning.studio.visitors import CurrentVisitor

MAX_WAIT_SECONDS = 20.0


def router(studio: Studio) -> APIRouter:
    routes = APIRouter(prefix="/api")
    studio.kinds.update(kinds(studio))

    @routes.post("/jobs", status_code=202)
    async def add_job(body: dict[str, Any], visitor: CurrentVisitor) -> dict[str, Any]:
        name = body.pop("kind", None)
        kind = studio.kinds.get(name) if isinstance(name, str) else None
        if kind is None:
            raise Refusal(400, "unknown_kind", f"kind: there is no kind of job {str(name)[:50]!r}", {"field": "kind"})
        try:
            request = kind.request.model_validate(body)
        except ValidationError as error:
            raise RequestValidationError(error.errors()) from error
        task = await run_in_threadpool(kind.prepare, visitor, request)
        return {"job": studio.jobs.describe(studio.jobs.add(visitor, str(name), task))}

    @routes.get("/jobs/{name}")
    async def wait_for_job(
        name: str, visitor: CurrentVisitor, wait: Annotated[float, Query(ge=0, le=MAX_WAIT_SECONDS)] = 0
    ) -> dict[str, Any]:
        job = studio.jobs.find(visitor, name)
        if wait:
            await studio.jobs.wait(job, wait)
        return studio.jobs.describe(job)

    @routes.delete("/jobs/{name}")
    def cancel_job(name: str, visitor: CurrentVisitor) -> dict[str, Any]:
        job = studio.jobs.find(visitor, name)
        studio.jobs.cancel(job)
        return studio.jobs.describe(job)

    @routes.post("/uploads", status_code=201)
    async def upload(
        name: Annotated[str, Query(min_length=1, max_length=255)], request: Request, visitor: CurrentVisitor
    ) -> dict[str, Any]:
        content = await request.body()
        if not content:
            raise Refusal(400, "empty", "the file is empty", {"name": name})
        stored = await run_in_threadpool(studio.uploads.add, visitor, name, content)
        return {"upload": stored.id, "name": stored.name, "size": stored.size}

    @routes.get("/samples/{name}/preview")
    def preview(name: str, visitor: CurrentVisitor) -> FileResponse:
        return _file(studio.samples.find(visitor, name).preview, "image/png")

    @routes.get("/samples/{name}/file")
    def sample_file(name: str, visitor: CurrentVisitor) -> FileResponse:
        sample = studio.samples.find(visitor, name)
        return _file(sample.file, sample.media_type, sample.file.name)

    return routes


def _file(path: Path, media_type: str, name: str | None = None) -> FileResponse:
    """Answer with a file that never changes; with a name, browsers save it instead of showing it."""
    if not path.is_file():
        raise unknown("sample", path.name)  # it made room for others a moment ago
    headers = {"Cache-Control": "private, max-age=3600, immutable"}
    return FileResponse(path, media_type=media_type, filename=name, headers=headers)
