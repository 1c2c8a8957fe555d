"""Routes of the market: /api/market."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from gan_lightning.studio.market import releasing, requests
from gan_lightning.studio.market.actions import ACTIONS, Action
from gan_lightning.studio.market.chain_errors import chain_errors, no_work
from gan_lightning.studio.market.drafts import read_decisions
from gan_lightning.studio.market.jobs import RUNNING, carry_out
from gan_lightning.studio.market.open_market import OpenMarket
from gan_lightning.studio.market.texts import Texts
from gan_lightning.studio.market.wallets import prepare_next
from gan_lightning.studio.refusals import Refusal
from gan_lightning.studio.visitors import CurrentVisitor, Visitor

if TYPE_CHECKING:  # imports the market
    from gan_lightning.studio.studio import Studio

T = TypeVar("T")
Wait = Annotated[float, Query(ge=0, le=20, allow_inf_nan=False)]
Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
Hash = Annotated[str, Path(pattern="^0x[0-9a-fA-F]{64}$")]
Number = Annotated[int, Path(ge=0, lt=2**53)]
JOB_PAUSE, NODE_PAUSE = 0.05, 0.5  # seconds between two looks at a job, and at a transaction


def router(studio: Studio) -> APIRouter:
    """Return the routes of the market of a studio."""
    routes = APIRouter(prefix="/api/market")

    async def ask(question: Callable[[OpenMarket], T]) -> T:
        """Return the answer of the open market, computed in a thread."""

        def answer() -> T:
            market = studio.market.opened()
            with chain_errors():
                return question(market)

        return await run_in_threadpool(answer)

    @routes.get("/state")
    async def state() -> dict[str, Any]:
        return dict(studio.market.state())

    @routes.get("")
    async def market() -> dict[str, Any]:
        return await ask(lambda market: market.views().market())

    @routes.get("/works/{number}")
    async def work(number: Number) -> dict[str, Any]:
        return await ask(lambda market: _describe_work(number, market))

    @routes.get("/accounts/{account}")
    async def account(account: Annotated[str, Path(max_length=64)]) -> dict[str, Any]:
        return await ask(lambda market: _describe_account(account, market))

    @routes.get("/sales")
    async def sales(
        before: Annotated[int | None, Query(ge=0, lt=2**53)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 100,
    ) -> dict[str, Any]:
        return await ask(lambda market: market.views().sales(before, limit))

    @routes.get("/licences/{digest}")
    async def licence(digest: Digest) -> Response:
        content = await ask(lambda market: _find_text(market.licences, digest, "no_such_licence"))
        return Response(content, media_type="text/plain; charset=utf-8")

    @routes.get("/metadata/{digest}")
    async def metadata(digest: Digest) -> Response:
        content = await ask(lambda market: _find_text(market.metadata, digest, "no_such_metadata"))
        return Response(content, media_type="application/json")

    @routes.get("/releases")
    async def releases() -> dict[str, Any]:
        return {"releases": await ask(releasing.describe_releases)}

    @routes.get("/releases/{release_id}/file")
    async def release_file(release_id: Annotated[str, Path(max_length=100)]) -> Response:
        release = await ask(lambda market: market.releases.find(release_id))
        if release is None:
            raise releasing.no_release(release_id)
        name = f'attachment; filename="release-{release_id[:8]}.json"'
        return Response(release.as_bytes(), media_type="application/json", headers={"Content-Disposition": name})

    @routes.post("/release")
    async def prepare_release(request: requests.ReleaseRequest, visitor: CurrentVisitor) -> dict[str, Any]:
        return await ask(lambda market: releasing.prepare_release(read_decisions(request, market), market))

    @routes.post("/release/signed")
    async def sign_release(request: requests.SignedRequest, visitor: CurrentVisitor) -> dict[str, Any]:
        def sign(market: OpenMarket) -> dict[str, Any]:
            releasing.sign_release(request.release, request.signature, market)
            return next(one for one in releasing.describe_releases(market) if one["id"] == request.release)

        return await ask(sign)

    @routes.get("/jobs/{job_id}")
    async def job(job_id: str, visitor: CurrentVisitor, wait: Wait = 0) -> dict[str, Any]:
        found = studio.market.jobs.find(visitor.id, job_id)
        step, deadline = found.step, time.monotonic() + wait
        while found.state == RUNNING and found.step == step and time.monotonic() < deadline:
            await asyncio.sleep(JOB_PAUSE)
        return dict(found.describe())

    @routes.post("/sent")
    async def sent(request: requests.SentRequest, visitor: CurrentVisitor) -> dict[str, Any]:
        studio.market.sent.add(request)
        return await ask(lambda market: studio.market.sent.describe(request.hash, market))

    @routes.get("/transactions/{transaction}")
    async def transaction(transaction: Hash, wait: Wait = 0) -> dict[str, Any]:
        deadline = time.monotonic() + wait
        while True:
            found = await ask(lambda market: studio.market.sent.describe(transaction, market))
            if found["state"] in ("mined", "failed") or time.monotonic() >= deadline:
                return dict(found)
            await asyncio.sleep(NODE_PAUSE)

    def add_action(name: str, action: Action) -> None:
        request_type = action.request

        def act(request: requests.Request, visitor: Visitor, market: OpenMarket) -> tuple[int, dict[str, Any]]:
            task = action.plan(request, market)
            if not market.embedded:
                return 200, prepare_next(task, market)
            if len(task.steps) == 1:
                return 200, {"result": carry_out(task, market)}
            key = f"{name} {request.model_dump_json()}"
            return 202, {"job": studio.market.jobs.start(visitor.id, key, task, market).describe()}

        async def post(request: request_type, visitor: CurrentVisitor) -> JSONResponse:  # type: ignore[valid-type]
            status, content = await ask(lambda market: act(request, visitor, market))
            return JSONResponse(content, status)

        # FastAPI reads the annotations, and those of this module are texts.
        post.__annotations__ |= {"request": request_type, "visitor": CurrentVisitor, "return": JSONResponse}
        routes.add_api_route(f"/{name}", post, methods=["POST"], name=name, response_model=None)

    for name, action in ACTIONS.items():
        add_action(name, action)
    return routes


def _describe_work(number: int, market: OpenMarket) -> dict[str, Any]:
    market.board.touch(number)
    views = market.views()
    work = views.find_work(number)
    if work is None:
        raise no_work(number)
    return views.details(work)


def _describe_account(account: str, market: OpenMarket) -> dict[str, Any]:
    address = market.accounts.address(account)
    releases = [one for one in releasing.describe_releases(market) if one["creator"] == address]
    return market.views().account(address, market.accounts.name(address)) | {"releases": releases}


def _find_text(texts: Texts, digest: str, code: str) -> bytes:
    content = texts.find(digest)
    if content is None:
        raise Refusal(404, code, f"the text with the SHA-256 {digest} is not known here", {"digest": digest})
    return content
