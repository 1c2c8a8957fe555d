"""Serves the files of the page: a fixed list, read when the server starts."""

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from gan_lightning.studio.refusals import unknown

PAGE = Path(__file__).parent / "page"
TYPES = {".js": "text/javascript", ".json": "application/json", ".svg": "image/svg+xml", ".woff2": "font/woff2"}


@dataclass(frozen=True)
class PageFile:
    """A file of the page with its media type, and a tag that changes with its content."""

    content: bytes
    media_type: str
    tag: str

    def respond(self, request: Request) -> Response:
        headers = {"ETag": self.tag, "Cache-Control": "no-cache"}  # browsers keep it, and ask whether it changed
        if request.headers.get("if-none-match") == self.tag:
            return Response(status_code=304, headers=headers)
        return Response(self.content, media_type=self.media_type, headers=headers)


def read_page() -> dict[str, PageFile]:
    """Return the files of the page by their names relative to its folder."""
    files = {}
    for path in sorted(PAGE.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            content = path.read_bytes()
            media_type = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            files[path.relative_to(PAGE).as_posix()] = PageFile(
                content, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            )
    return files


def router() -> APIRouter:
    routes, files = APIRouter(), read_page()

    @routes.get("/")
    async def index(request: Request) -> Response:
        return await page_file("index.html", request)

    @routes.get("/page/{name:path}")
    async def page_file(name: str, request: Request) -> Response:
        if name not in files:
            raise unknown("file", name)
        return files[name].respond(request)

    return routes
