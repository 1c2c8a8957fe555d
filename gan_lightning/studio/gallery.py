"""Routes of the gallery: kept samples with their provenance, and their downloads."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import FileResponse

from gan_lightning.studio.items import Gallery, Item, ItemRecord
from gan_lightning.studio.refusals import Refusal
from gan_lightning.studio.studio import Studio

PNG = "image/png"
# Types that a browser shows or plays. A file of another type, such as a page with scripts, is only saved.
SHOWN_TYPE = re.compile(r"image/(png|jpeg|gif|webp)|audio/[\w.+-]+|video/[\w.+-]+", re.ASCII)


def router(studio: Studio) -> APIRouter:
    routes = APIRouter(prefix="/api/gallery")
    gallery: Gallery = studio.gallery

    def work_of(item: Item) -> int | None:
        return studio.market.work_of(item.artifact) if item.artifact else None

    def complete(item_id: str) -> tuple[Item, ItemRecord]:
        """Return an item and its record; raise Refusal if something of it is missing."""
        item = gallery.read(item_id)
        if item.record is None or item.problem is not None:
            raise Refusal(404, "item_damaged", f"the item is damaged: {item.problem}", {"problem": item.problem})
        return item, item.record

    @routes.get("")
    def list_items() -> dict[str, Any]:
        return {"items": [item.describe(work_of(item)) for item in gallery.items()]}

    @routes.get("/{item_id}")
    def read_item(item_id: str) -> dict[str, Any]:
        item = gallery.read(item_id)
        return {"item": item.describe(work_of(item))}

    @routes.get("/{item_id}/preview")
    def read_preview(item_id: str) -> FileResponse:
        item, record = complete(item_id)
        return _file(item.folder / record.preview, PNG)

    @routes.get("/{item_id}/file")
    def read_file(item_id: str) -> FileResponse:
        item, record = complete(item_id)
        media_type = record.media_type if SHOWN_TYPE.fullmatch(record.media_type) else "application/octet-stream"
        return _file(item.folder / record.file, media_type, item.download_name)

    @routes.get("/{item_id}/statement")
    def read_statement(item_id: str) -> FileResponse:
        item, _ = complete(item_id)
        if item.statement is None:
            message = "the file holds its credentials itself: there is no statement beside it"
            raise Refusal(404, "no_statement", message)
        return _file(item.statement, "application/json", item.statement.name)

    @routes.delete("/{item_id}")
    def remove_item(item_id: str) -> dict[str, Any]:
        item = gallery.read(item_id)
        studio.market.opened()  # raises Refusal: while the chain is not open, the item may be a work
        if (number := work_of(item)) is not None:
            message = f"it is registered as work {number}, so it stays in the gallery"
            raise Refusal(409, "registered", message, {"work": number})
        gallery.remove(item_id)
        return {"removed": item_id}

    return routes


def _file(path: Path, media_type: str, name: str | None = None) -> FileResponse:
    """Answer with a file that never changes; with a name, browsers that are led to it save it."""
    headers = {"Cache-Control": "private, max-age=3600, immutable"}
    return FileResponse(path, media_type=media_type, headers=headers | (disposition(name) if name else {}))


def disposition(name: str) -> dict[str, str]:
    """Return the header of a download with this name, also if it is not ASCII (RFC 6266)."""
    plain = re.sub(r"[^\w.-]", "_", name, flags=re.ASCII)
    return {"Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"}
