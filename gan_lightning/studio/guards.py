"""Guards of the server: which requests reach a route, and the headers of every answer."""

import asyncio
import hashlib
import hmac
import time
import traceback
from collections import OrderedDict
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

from fastapi.responses import RedirectResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gan_lightning.studio.refusals import Refusal
from gan_lightning.studio.studio import Studio
from gan_lightning.studio.visitors import TOKEN_HEADER, cookie_name

ACCESS = "_access"  # suffix of the name of the cookie that holds the proof of the token
UPLOADS = "/api/uploads"  # the only route that takes other bodies than JSON
MAX_UPLOAD, MAX_JSON = 20 * 2**20, 2**16  # bytes
BODY_SECONDS = 60.0  # in which a body must arrive
METHODS = ("GET", "HEAD", "POST", "DELETE")
CHANGING = ("POST", "DELETE")
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")  # what pages of others can send
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "style-src 'self'; script-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; "
    "object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class RateLimit:
    """Limit of requests for each sender: a bucket of ``burst`` requests that fills up with ``rate`` a second."""

    MAX_SENDERS = 4096

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what was left, and when

    def take(self, sender: str) -> float:
        """Count one request; return the seconds after which it is allowed, 0 for now."""
        now = time.monotonic()
        left, when = self._buckets.pop(sender, (self.burst, now))
        left = min(self.burst, left + (now - when) * self.rate)
        allowed = left >= 1
        self._buckets[sender] = (left - 1 if allowed else left, now)
        if len(self._buckets) > self.MAX_SENDERS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self.rate


class Guards:
    """ASGI middleware that refuses requests of other sites, without tokens, too large or too frequent.

    It sets ``request.state.visitor``, and adds ``HEADERS`` to every answer.

    Args:
        app: the guarded application.
        studio: the studio.
    """

    def __init__(self, app: ASGIApp, studio: Studio) -> None:
        self.app, self.studio = app, studio
        self.reads, self.changes = RateLimit(rate=100, burst=1000), RateLimit(rate=10, burst=100)
        self.strangers = RateLimit(rate=50, burst=300)  # by address, for requests without a session
        self.guesses = RateLimit(rate=1, burst=20)  # of the token, by address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        request = _Request(scope)
        try:
            self._check_sender(request)
            if (response := self._admit(request)) is not None:
                return await response(scope, receive, send_guarded)
            self._check_session(request)
            receive = await _receive_body(receive, self._check_body(request))
        except Refusal as refusal:
            return await refusal.response()(scope, receive, send_guarded)
        except ClientDisconnect:
            return None
        try:
            await self.app(scope, receive, send_guarded)
        except Exception:
            traceback.print_exc()
            if started:  # the connection is closed, which tells the client that the answer is incomplete
                raise
            defect = Refusal(500, "internal", "an error in the studio; its terminal shows more")
            await defect.response()(scope, receive, send_guarded)

    def _check_sender(self, request: "_Request") -> None:
        """Refuse other hosts (DNS rebinding) and pages of other origins."""
        host, origin = request.only("host"), request.only("origin")
        if host is None or not self._is_our_host(host):
            raise Refusal(403, "host", "the studio answers only under its own address", {"host": (host or "")[:100]})
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            raise Refusal(403, "origin", "the request comes from a page of another site", {"origin": origin[:100]})
        if request.only("sec-fetch-site") in ("cross-site", "same-site") and request.path != "/":
            raise Refusal(403, "origin", "the request comes from a page of another site", {"origin": ""})
        if request.method not in METHODS:
            raise Refusal(405, "method", f"the method {request.method[:20]} is not allowed", {}, {"Allow": "GET"})
        if any(not character.isprintable() or character == "\\" for character in request.path):
            raise Refusal(400, "invalid", "the path has characters that no path here has", {"field": "path"})

    def _is_our_host(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            urlsplit(f"//{host}").port  # noqa: B018  # raises ValueError unless it is a port
        except ValueError:
            return False
        if any(character in host for character in "/?#@\\ "):
            return False
        return name in ("localhost", self.studio.settings.host) or is_loopback(name) or self._open

    @property
    def _open(self) -> bool:
        """True if other machines may reach the server, under names that it does not know."""
        return self.studio.settings.token is not None

    def _admit(self, request: "_Request") -> RedirectResponse | None:
        """Check the token of a studio that other machines reach; answer ``/?token=…`` with a cookie."""
        if (token := self.studio.settings.token) is None:
            return None
        access = hashlib.sha256(f"access {token}".encode()).hexdigest()
        cookie = cookie_name(request.headers) + ACCESS
        if _equal(request.cookies.get(cookie), access):
            return None
        if self.guesses.take(request.address):
            raise Refusal(
                429, "too_many", "too many requests without the token: wait a minute", {}, {"Retry-After": "60"}
            )
        given = parse_qs(request.query).get("token", [""])[0] if request.path == "/" else ""
        if request.method != "GET" or not _equal(given, token):
            raise Refusal(401, "token", "open the address with the token that gan-studio printed: /?token=…")
        response = RedirectResponse("/", 303)
        response.set_cookie(cookie, access, httponly=True, samesite="strict")
        return response

    def _check_session(self, request: "_Request") -> None:
        """Find the visitor, limit the rate of requests, and check the token of those that change something."""
        visitor = self.studio.visitors.find(request.cookies.get(cookie_name(request.headers)))
        request.scope.setdefault("state", {})["visitor"] = visitor
        if not request.path.startswith("/api/"):
            return
        changing = request.method in CHANGING
        limit = self.strangers if visitor is None else self.changes if changing else self.reads
        if seconds := limit.take(request.address if visitor is None else visitor.id):
            wait = {"Retry-After": str(int(seconds) + 1)}
            raise Refusal(429, "too_many", "too many requests: wait a moment", {"seconds": int(seconds) + 1}, wait)
        if changing and (visitor is None or not _equal(request.only(TOKEN_HEADER), visitor.token)):
            raise Refusal(401, "session", "the session is unknown or has ended: load the page again")

    def _check_body(self, request: "_Request") -> int | None:
        """Refuse bodies of another type or above the limit; return the limit in bytes, None if no body is read."""
        upload = request.path == UPLOADS
        limit = MAX_UPLOAD if upload else MAX_JSON
        length = request.only("content-length")
        if length is not None and not (length.isascii() and length.isdecimal()):
            raise Refusal(400, "invalid", "Content-Length must be a number", {"field": "Content-Length"})
        if length is not None and (len(length) > 18 or int(length) > limit):
            raise _too_large(limit)
        if request.method != "POST":
            return None
        media_type = (request.only("content-type") or "").partition(";")[0].strip().lower()
        empty = length == "0" or (length is None and request.only("transfer-encoding") is None)
        if media_type in FORMS or not (upload or empty or media_type == "application/json"):
            raise Refusal(415, "media_type", "the body must be application/json", {"media_type": media_type[:100]})
        return limit


class _Request:
    """Parts of a request that the guards need."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.method, self.path = scope["method"], scope["path"]
        self.query = scope["query_string"].decode("latin-1")
        self.headers = Headers(scope=scope)
        self.address = (scope.get("client") or ("unknown",))[0]

    def only(self, name: str) -> str | None:
        """Return the value of a header; None if it is missing. Repeated headers are refused as ambiguous."""
        values = self.headers.getlist(name)
        if len(values) > 1:
            raise Refusal(400, "invalid", f"the header {name} is repeated", {"field": name})
        return values[0] if values else None

    @property
    def cookies(self) -> dict[str, str]:
        try:
            return {name: morsel.value for name, morsel in SimpleCookie(self.headers.get("cookie", "")).items()}
        except CookieError:
            return {}


async def _receive_body(receive: Receive, limit: int | None) -> Receive:
    """Receive a body and return a function that receives it again.

    Args:
        receive: receives the messages of the request.
        limit: the largest size in bytes; None to leave the body unread.

    Raises:
        Refusal: if the body is larger, or does not arrive within ``BODY_SECONDS``.
        ClientDisconnect: if the client has gone.
    """
    if limit is None:
        return receive
    parts, size, complete = [], 0, False
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while not complete:
                message = await receive()
                if message["type"] != "http.request":
                    raise ClientDisconnect
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                complete = not message.get("more_body", False)
                if size > limit:
                    raise _too_large(limit)
    except TimeoutError as error:
        raise Refusal(408, "too_slow", "the body did not arrive in time", {"seconds": BODY_SECONDS}) from error
    whole: Message | None = {"type": "http.request", "body": b"".join(parts), "more_body": False}

    async def receive_again() -> Message:
        nonlocal whole
        message, whole = whole, None
        return await receive() if message is None else message

    return receive_again


def is_loopback(host: str) -> bool:
    """Return True if a host is this machine under an address or a name that no other machine can have."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _too_large(limit: int) -> Refusal:
    # The rest of the body is not read.
    return Refusal(413, "too_large", f"at most {limit:,} bytes", {"bytes": limit}, {"Connection": "close"})


def _equal(given: str | None, expected: str) -> bool:
    """Compare in a time that does not tell how much is right."""
    return hmac.compare_digest((given or "").encode(), expected.encode())
