"""Visitors of a studio: sessions in a signed cookie, of which the server keeps no state."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import Headers

from gan_lightning.studio.refusals import Refusal

TOKEN_HEADER = "x-studio-token"


@dataclass(frozen=True)
class Visitor:
    """A browser session; its jobs, samples and uploads are its own.

    Attributes:
        id: random name of the session, which only the server and this browser know.
        token: value that requests which change something send as ``X-Studio-Token``.
        cookie: value of the cookie of the session.
    """

    id: str
    token: str
    cookie: str


class Visitors:
    """Creates sessions and recognizes their cookies; those of an earlier server are not recognized."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def create(self) -> Visitor:
        return self._visitor(secrets.token_hex(16))

    def find(self, cookie: str | None) -> Visitor | None:
        """Return the visitor of a cookie; None if this server did not create it."""
        visitor = self._visitor((cookie or "").partition(".")[0])
        return visitor if hmac.compare_digest(visitor.cookie.encode(), (cookie or "").encode()) else None

    def _visitor(self, name: str) -> Visitor:
        return Visitor(name, self._sign(f"token {name}"), f"{name}.{self._sign(f'cookie {name}')}")

    def _sign(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()


def cookie_name(headers: Headers) -> str:
    """Return the name of the cookie of a session; browsers send a cookie to all ports of a host."""
    port = headers.get("host", "").rpartition(":")[2]
    return f"gan_studio_{port}" if port.isdecimal() else "gan_studio"


def visitor_of(request: Request) -> Visitor:
    """Return the visitor who sent a request.

    Raises:
        Refusal: if the request has no session.
    """
    visitor: Visitor | None = request.state.visitor
    if visitor is None:
        raise Refusal(401, "session", "the session is unknown or has ended: load the page again")
    return visitor


CurrentVisitor = Annotated[Visitor, Depends(visitor_of)]
