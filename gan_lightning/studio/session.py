"""Routes of the studio itself: what it serves, the session of a visitor, and the identity that signs."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from gan_lightning import __version__
from gan_lightning.errors import UserError
from gan_lightning.provenance import identity
from gan_lightning.studio.guards import is_loopback
from gan_lightning.studio.refusals import Refusal
from gan_lightning.studio.studio import Studio
from gan_lightning.studio.tensorboards import tensorboard_url
from gan_lightning.studio.visitors import cookie_name

ORGANIZATION = "Personal"  # C2PA requires an organization


class NewIdentity(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=identity.MAX_NAME)]
    organization: Annotated[str, Field(min_length=1, max_length=identity.MAX_NAME)] = ORGANIZATION


def router(studio: Studio) -> APIRouter:
    routes = APIRouter(prefix="/api")
    creating = asyncio.Lock()

    @routes.get("/studio")
    async def describe(request: Request, response: Response) -> dict[str, Any]:
        visitor = request.state.visitor
        if visitor is None:
            visitor = studio.visitors.create()
            response.set_cookie(cookie_name(request.headers), visitor.cookie, httponly=True, samesite="strict")
        return {
            "version": __version__,
            "token": visitor.token,
            "folder": str(studio.settings.runs),
            "identity": await run_in_threadpool(describe_identity),
            "chain": await run_in_threadpool(studio.market.describe),
            "tensorboard": await run_in_threadpool(tensorboard_url, studio.settings.runs),
        }

    @routes.post("/identity", status_code=201)
    async def create_identity(request: NewIdentity) -> dict[str, Any]:
        if not is_loopback(studio.settings.host):
            message = "an identity is created on the machine itself: gan-identity init"
            raise Refusal(403, "identity_only_here", message)
        async with creating:
            if await run_in_threadpool(describe_identity) is not None:
                raise Refusal(409, "identity_exists", "there is an identity already")
            await run_in_threadpool(identity.create, request.name, request.organization)
        return {"identity": await run_in_threadpool(describe_identity)}

    return routes


def describe_identity() -> dict[str, str] | None:
    """Return the name of the signer; None if there is no valid identity."""
    try:
        found = identity.load()
    except UserError:
        return None
    return None if found is None else {"name": identity.certificate_names(found.certificate)}
