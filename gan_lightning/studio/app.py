"""The web application of a studio: guards, the routes of all screens, and the page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from gan_lightning.errors import UserError
from gan_lightning.studio import create, gallery, market, page_files, session, verifying, watch
from gan_lightning.studio.guards import Guards
from gan_lightning.studio.refusals import Refusal
from gan_lightning.studio.studio import Studio

SCREENS = (session, create, watch, gallery, verifying, market)  # modules with a function ``router``


def create_app(studio: Studio) -> FastAPI:
    """Return the application; it starts the parts of the studio, and closes them at its end."""

    @asynccontextmanager
    async def run_parts(app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(studio.start)
        yield
        await run_in_threadpool(studio.close)

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=run_parts, redirect_slashes=False)
    app.add_middleware(Guards, studio=studio)
    app.add_exception_handler(Refusal, _answer_refusal)
    app.add_exception_handler(UserError, _answer_user_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http_error)
    for screen in SCREENS:
        app.include_router(screen.router(studio))
    app.include_router(page_files.router())
    return app


async def _answer_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return error.response()


async def _answer_user_error(request: Request, error: Exception) -> Response:
    return Refusal(400, "refused", str(error)).response()


async def _answer_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"] if part != "body") or "body"
    return Refusal(422, "invalid", f"{field}: {first['msg']}", {"field": field}).response()


async def _answer_http_error(request: Request, error: Exception) -> Response:
    """Answer for routes that do not exist, and bodies that are no JSON."""
    assert isinstance(error, HTTPException)
    codes = {404: "not_found", 405: "method"}
    code, headers = codes.get(error.status_code, "invalid"), dict(error.headers or {})
    return Refusal(error.status_code, code, str(error.detail), {}, headers).response()
