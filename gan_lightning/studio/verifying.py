"""The job ``verify``: where an uploaded file comes from."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from gan_lightning.errors import printable
from gan_lightning.studio.jobs import Kind, Task
from gan_lightning.studio.regeneration import Candidate
from gan_lightning.studio.studio import Studio
from gan_lightning.studio.verification import verify_file
from gan_lightning.studio.visitors import Visitor

UploadId = Annotated[str, Field(min_length=1, max_length=100)]


class VerifyRequest(BaseModel):
    """Body of the job.

    Attributes:
        upload: the file to verify, or a signed statement alone.
        name: name of the file on the visitor's machine; None for that of the upload.
        statement: upload with the signed statement about the file.
        regenerate: True to generate the sample again, if a run here has generated it.
    """

    model_config = ConfigDict(extra="forbid")

    upload: UploadId
    name: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    statement: UploadId | None = None
    regenerate: bool = False


def router(studio: Studio) -> APIRouter:
    """Add the kind of job, and return no further routes: jobs have their own."""
    studio.kinds["verify"] = Kind(VerifyRequest, lambda visitor, request: prepare(studio, visitor, request))
    return APIRouter()


def prepare(studio: Studio, visitor: Visitor, request: VerifyRequest) -> Task:
    """Return the task that verifies an upload; what the chain and the gallery know is added at its end."""
    upload = studio.uploads.find(visitor, request.upload)
    statement = None if request.statement is None else studio.uploads.find(visitor, request.statement)
    runs = [
        Candidate(run.id, run.name, run.path, run.checkpoint_digest)
        for run in studio.library.runs()
        if run.files.checkpoint
    ]

    def finish(found: dict[str, Any]) -> dict[str, Any]:
        if (artifact := found["artifact"]) is None:
            return found | {"work": None, "item": None}
        item = studio.gallery.find_artifact(artifact)
        return found | {"work": studio.market.find(artifact), "item": item.id if item else None}

    arguments = {
        "file": upload.path,
        "name": printable(request.name or upload.name),
        "statement": statement and statement.path,
        "ledger": studio.settings.ledger,
        "runs": runs,
        "again": request.regenerate,
    }
    return Task(verify_file, arguments, finish)
