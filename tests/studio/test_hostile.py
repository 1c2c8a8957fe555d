"""Hostile requests: each gets exactly the answer that it should."""

import asyncio
import http.client
import json
import socket
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from starlette.responses import Response

from gan_lightning.studio import guards as guards_module
from gan_lightning.studio.guards import MAX_JSON, MAX_UPLOAD, Guards, RateLimit
from gan_lightning.studio.settings import StudioSettings
from gan_lightning.studio.visitors import Visitors
from tests.studio.serving import Server, Visit

JSON = {"Content-Type": "application/json"}
SAMPLES = {"kind": "samples", "run": "digits", "n": 1}
NO_TOKEN, WRONG_TOKEN = {"X-Studio-Token": None}, {"X-Studio-Token": "0" * 64}


def send(port, method, path, headers=None, body=None, hosts=("127.0.0.1:{port}",)):
    """Send a request as it is written; return the status, the code of the error, and the headers of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for host in hosts:
            connection.putheader("Host", host.format(port=port))
        for name, value in headers or []:
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        code = json.loads(content)["error"]["code"] if answer.status >= 400 else None
        return answer.status, code, {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def sent_by(visit, path, value, method="POST", **headers):
    """Send JSON in the session of a visitor, with other headers; None leaves one out. Return the status and code."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    usual = {
        **JSON,
        "Content-Length": str(len(body)),
        "Cookie": "; ".join(f"{name}={one}" for name, one in visit.cookies.items()),
        "X-Studio-Token": visit.headers["X-Studio-Token"],
    }
    merged = usual | {name.replace("_", "-"): one for name, one in headers.items()}
    port = visit.base_url.port
    status, code, _ = send(port, method, path, [(k, v) for k, v in merged.items() if v is not None], body)
    return status, code


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1.evil.example",
        "localhost.evil.example:{port}",
        "localhost.",
        "0.0.0.0:{port}",
        "10.0.0.1:{port}",
        "127.1",
        "2130706433",
        "evil@127.0.0.1",
        "127.0.0.1:{port}/x",
        "127.0.0.1#@evil.example",
        "127.0.0.1:99999999",
        "[::ffff:1.2.3.4]",
        "[::1",
        "",
    ],
)
def test_other_hosts_are_refused(server, host):
    """A page whose name was bound to this address (DNS rebinding) sends its own name."""
    for path in ("/", "/api/studio", "/api/runs"):
        assert send(server.port, "GET", path, hosts=[host])[:2] == (403, "host")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:{port}", "[::1]:{port}", "127.0.0.5:{port}"])
def test_own_hosts_are_answered(server, host):
    assert send(server.port, "GET", "/api/studio", hosts=[host])[0] == 200


def test_repeated_host_is_refused(server):
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    with connection:
        connection.sendall(b"GET /api/studio HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 400")


def test_missing_host_is_refused(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"GET /api/studio HTTP/1.0\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://evil.example:443",
        "null",
        "http://localhost:1",
        "http://127.0.0.1",
        "http://127.0.0.1.evil.example",
        "file://",
        "chrome-extension://abc",
        "",
    ],
)
def test_other_origins_are_refused(server, visit, origin):
    assert sent_by(visit, "/api/jobs", SAMPLES, Origin=origin) == (403, "origin")
    assert send(server.port, "GET", "/api/studio", [("Origin", origin)])[:2] == (403, "origin")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_requests_of_other_sites_are_refused_even_without_an_origin(server, visit, site):
    assert sent_by(visit, "/api/jobs", SAMPLES, Sec_Fetch_Site=site) == (403, "origin")
    assert send(server.port, "GET", "/api/studio", [("Sec-Fetch-Site", site)])[:2] == (403, "origin")


def test_own_origin_is_answered(visit):
    origin = f"http://127.0.0.1:{visit.base_url.port}"
    assert sent_by(visit, "/api/jobs", SAMPLES, Origin=origin, Sec_Fetch_Site="same-origin") == (202, None)


@pytest.mark.parametrize("path", ["/api/jobs", "/api/uploads?name=a.png", "/api/identity"])
@pytest.mark.parametrize(
    "headers",
    [
        NO_TOKEN,
        WRONG_TOKEN,
        {"Cookie": None},
        {"Cookie": "gan_studio=forged"},
        {"Cookie": "gan_studio_{port}=" + "0" * 32 + "." + "0" * 64},
        {"X-Studio-Token": "ÿ"},
    ],
    ids=["no token", "wrong token", "no cookie", "other cookie", "forged cookie", "token in Latin"],
)
def test_changes_need_the_token_of_the_session(visit, path, headers):
    headers = {name: value and value.replace("{port}", str(visit.base_url.port)) for name, value in headers.items()}
    assert sent_by(visit, path, {}, **{name.replace("-", "_"): value for name, value in headers.items()}) == (
        401,
        "session",
    )


def test_token_of_another_visitor_is_refused(server, visit):
    with Visit(server.url) as other:
        assert sent_by(visit, "/api/jobs", SAMPLES, X_Studio_Token=other.headers["X-Studio-Token"]) == (401, "session")


@pytest.mark.slow
def test_session_of_an_earlier_server_is_refused(visit, server, tmp_path):
    """A cookie that is sent again after a restart is no session, and neither is its token."""
    with Server(server.runs, tmp_path) as later:
        status, code = sent_by(visit, "/api/jobs", SAMPLES)
        assert (status, code) == (202, None)
        cookie = next(iter(visit.cookies.values()))
        headers = [
            *JSON.items(),
            ("Cookie", f"gan_studio_{later.port}={cookie}"),
            ("X-Studio-Token", visit.headers["X-Studio-Token"]),
            ("Content-Length", "2"),
        ]
        assert send(later.port, "POST", "/api/jobs", headers, b"{}")[:2] == (401, "session")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"])
def test_other_methods_are_refused(server, method):
    assert send(server.port, method, "/api/studio")[:2] == (405, "method")


@pytest.mark.parametrize(
    "path",
    [
        "/page/../studio.py",
        "/page/..%2fstudio.py",
        "/page/%2e%2e/studio.py",
        "/page/..%252fstudio.py",
        "/page//etc/passwd",
        "/page/%2fetc%2fpasswd",
        "/page/....//studio.py",
        "/page/.",
        "/page/",
        "/page/index.html/",
        "/page/index.html%20",
        "/page/INDEX.HTML",
        "/page/index.html;.js",
        "/studio.py",
        "/.env",
        "/docs",
        "/openapi.json",
        "/api",
        "/api/",
        "/api/nothing",
        "/api/studio/",
        "//api/studio",
    ],
)
def test_paths_outside_the_list_do_not_exist(server, path):
    status, code, headers = send(server.port, "GET", path)
    assert (status, code in ("not_found", "unknown_file")) == (404, True)
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/page/index.html%00.js", "/page/..%5cstudio.py", "/api/jobs/%0d%0aSet-Cookie:%20a", "/%7f"]
)
def test_paths_with_control_characters_are_refused(server, path):
    assert send(server.port, "GET", path)[:2] == (400, "invalid")


@pytest.mark.parametrize("kind", ["jobs", "samples", "uploads"])
@pytest.mark.parametrize("name", ["..%2f..%2fetc%2fpasswd", "%2e%2e", "0" * 32, "-1", "'%20or%201=1--", "%F0%9F%98%80"])
def test_ids_that_were_never_given_do_not_exist(visit, kind, name):
    path = {"jobs": f"/api/jobs/{name}", "samples": f"/api/samples/{name}/file", "uploads": f"/api/uploads/{name}"}[
        kind
    ]
    assert visit.get(path).status_code == 404


def test_jobs_and_samples_of_others_do_not_exist(server, visit):
    job = visit.finish(visit.start("samples", run="digits", n=1))
    sample = job["result"]["samples"][0]
    upload = visit.post("/api/uploads", params={"name": "a.labels"}, content=b"1\n").json()["upload"]
    with Visit(server.url) as other:
        assert other.get(f"/api/jobs/{job['id']}").status_code == 404
        assert other.delete(f"/api/jobs/{job['id']}").status_code == 404
        assert other.get(sample["preview"]).status_code == 404
        assert other.get(sample["file"]).status_code == 404
        assert other.fail("keep", sample=sample["id"], title="stolen")["code"] == "unknown_sample"
        assert other.fail("samples", run="digits", upload=upload)["code"] == "unknown_upload"
    assert visit.get(sample["file"]).status_code == 200


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ("text/plain", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/x-www-form-urlencoded", 415),
        ("text/html", 415),
        ("application/jsonp", 415),
        (None, 415),
        ("APPLICATION/JSON; charset=utf-8", 202),
    ],
)
def test_bodies_are_json(visit, media_type, status):
    answered = sent_by(visit, "/api/jobs", SAMPLES, Content_Type=media_type)
    assert answered == (status, "media_type" if status == 415 else None)


def test_forms_are_no_uploads(visit):
    for media_type in ("multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text/plain"):
        assert sent_by(visit, "/api/uploads?name=a", b"a", Content_Type=media_type) == (415, "media_type")


@pytest.mark.parametrize(
    ("path", "limit"), [("/api/jobs", MAX_JSON), ("/api/uploads?name=a.png", MAX_UPLOAD), ("/api/identity", MAX_JSON)]
)
def test_bodies_have_a_limit(visit, path, limit):
    """The length that is announced decides; the body is not read."""
    assert sent_by(visit, path, b"{", Content_Length=str(limit + 1)) == (413, "too_large")
    assert sent_by(visit, path, b"{", Content_Length="9" * 18) == (413, "too_large")


def test_bodies_without_a_length_have_a_limit(visit):
    chunk = b"%x\r\n" % MAX_JSON + b" " * MAX_JSON + b"\r\n"
    assert sent_by(visit, "/api/jobs", chunk * 2, Content_Length=None, Transfer_Encoding="chunked") == (
        413,
        "too_large",
    )


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "1, 2", " "])
def test_lengths_that_are_no_numbers_are_refused(server, visit, length):
    head = f"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(head.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 400")


@pytest.mark.slow
def test_length_and_chunks_together_are_refused(server):
    """The two would let a proxy and the server see different requests (smuggling)."""
    head = (
        "POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(head.encode() + b"GET /api/studio HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        connection.settimeout(2)
        answers = b""
        try:
            while part := connection.recv(65536):
                answers += part
        except TimeoutError:
            pass
    assert b" 200 " not in answers


def test_long_headers_are_refused(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 2**17 + b"\r\n\r\n")
        assert connection.recv(4096).startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"samples"',
        b"\xff\xfe",
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"n": ' + b"9" * 60_000 + b"}",
    ],
    ids=["empty", "unfinished", "list", "null", "text", "no UTF-8", "deep lists", "deep objects", "long number"],
)
def test_bodies_that_are_no_objects_are_refused(visit, body):
    status, code = sent_by(visit, "/api/jobs", body)
    assert (status in (400, 422), code) == (True, "invalid")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kind": "shutdown"}, "unknown_kind"),
        ({"kind": "__class__"}, "unknown_kind"),
        ({"kind": "\ud800"}, "unknown_kind"),
        ({"kind": ["samples"]}, "unknown_kind"),
        ({"kind": None}, "unknown_kind"),
        ({"run": "../digits"}, "unknown_run"),
        ({"run": "/etc"}, "unknown_run"),
        ({"run": "digits\x00"}, "unknown_run"),
        ({"run": "."}, "unknown_run"),
        ({"run": "a" * 501}, "invalid"),
        ({"run": 1}, "invalid"),
        ({"run": "\ud800"}, "invalid"),
        ({"n": 0}, "invalid"),
        ({"n": 65}, "invalid"),
        ({"n": -1}, "invalid"),
        ({"n": 1.5}, "invalid"),
        ({"n": "1"}, "invalid"),
        ({"n": 10**30}, "invalid"),
        ({"seed": 7}, "invalid"),
        ({"seed": "-1"}, "invalid"),
        ({"seed": "1e3"}, "invalid"),
        ({"seed": "٣"}, "invalid"),
        ({"seed": "007"}, "invalid"),
        ({"seed": str(2**63)}, "invalid"),
        ({"truncation": 1.01}, "invalid"),
        ({"truncation": float("nan")}, "invalid"),
        ({"truncation": float("inf")}, "invalid"),
        ({"weights": "other"}, "invalid"),
        ({"condition": "7" * 2001}, "invalid"),
        ({"edit": "x" * 1001}, "invalid"),
        ({"checkpoint": "/tmp/evil.ckpt"}, "invalid"),
        ({"trust_code": ["os"]}, "invalid"),
        ({"upload": "../../etc/passwd"}, "unknown_upload"),
        ({"condition": "/etc/passwd"}, "condition"),
        ({"condition": "../../../etc/hostname"}, "condition"),
        ({"condition": "10"}, "condition"),
        ({"condition": "\x00"}, "condition"),
        ({"edit": "hat=1"}, "refused"),
        ({"truncation": 0.5}, "refused"),
    ],
)
def test_samples_with_other_values_are_refused(visit, change, code):
    assert visit.fail(**(SAMPLES | change))["code"] == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"steps": 1}, "invalid"),
        ({"steps": 121}, "invalid"),
        ({"from": {"seed": "1", "n": 4, "index": 4}}, "invalid"),
        ({"from": {"seed": "1", "n": 4, "index": -1}}, "invalid"),
        ({"to": {"seed": "1", "n": 4}}, "invalid"),
        ({"to": "seed"}, "invalid"),
    ],
)
def test_walks_with_other_values_are_refused(visit, change, code):
    end = {"seed": "1", "n": 4, "index": 0}
    assert (
        visit.fail(**({"kind": "walk", "run": "digits", "from": end, "to": end, "steps": 4} | change))["code"] == code
    )


@pytest.mark.parametrize("wait", ["-1", "21", "nan", "inf", "x", "1e9"])
def test_long_waits_are_refused(visit, wait):
    job = visit.start("describe", run="digits")
    answer = visit.get(f"/api/jobs/{job['id']}", params={"wait": wait})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("../../etc/cron.d/evil", "evil"),
        ("..\\..\\evil.labels", "evil.labels"),
        (".bashrc", "bashrc"),
        ("-rf", "rf"),
        ("a\r\nSet-Cookie: x.labels", "a_Set-Cookie_x.labels"),
        ("<img src=x onerror=alert(1)>.labels", "img_src_x_onerror_alert_1_.labels"),
        ("数字.labels", "数字.labels"),
        ("%2e%2e%2fevil", "2e_2e_2fevil"),
        ("/", "file"),
        ("...", "file"),
        ("a" * 200 + ".labels", "a" * 73 + ".labels"),
    ],
)
def test_names_of_uploads_are_made_safe(visit, server, name, stored):
    answer = visit.post("/api/uploads", params={"name": name}, content=b"1\n")
    assert (answer.status_code, answer.json()["name"].lstrip("_")) == (201, stored)
    files = [path for path in server.folder.rglob("*") if path.name == answer.json()["name"]]
    assert all(path.parents[2].name == "temporary" for path in files)
    assert len(files) >= 1


def test_upload_that_is_no_condition_is_refused(visit):
    for name, content, code in [
        ("a.npz", b"PK\x03\x04", "condition_type"),
        ("a.npy", b"\x93NUMPY", "condition_type"),
        ("a.png", b"\x89PNG", "condition_type"),
        ("a.labels", b"\x00\xff", "refused"),
        ("a.labels", b"99\n", "refused"),
        ("a.labels", b"1\n2\n3\n", "refused"),
    ]:
        upload = visit.post("/api/uploads", params={"name": name}, content=content).json()["upload"]
        error = visit.fail("samples", run="digits", n=1, upload=upload)
        assert error["code"] == code
        assert "temporary" not in error["message"]  # no path of the server


def test_empty_uploads_are_refused(visit):
    answer = visit.post("/api/uploads", params={"name": "a.png"}, content=b"")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "empty")
    assert visit.post("/api/uploads", content=b"a").status_code == 422


def test_fifth_waiting_job_of_a_visitor_is_refused(visit):
    end = {"seed": "1", "n": 64, "index": 0}
    walk = {"kind": "walk", "run": "waves", "from": end, "to": end, "steps": 120}
    answers = [visit.post("/api/jobs", json=walk) for _ in range(8)]
    assert {answer.status_code for answer in answers[:5]} == {202}
    assert answers[-1].status_code == 429
    assert answers[-1].json()["error"]["code"] == "too_many_jobs"
    for answer in answers:
        if answer.status_code == 202:
            visit.delete(f"/api/jobs/{answer.json()['job']['id']}")


@pytest.fixture
def guards():
    """Guards of an application that answers everything, with limits that do not refill during a test."""

    async def answer(scope, receive, send):
        await Response("answer")(scope, receive, send)

    studio = SimpleNamespace(settings=StudioSettings(Path("runs")), visitors=Visitors())
    made = Guards(answer, studio)
    made.changes, made.reads, made.strangers = (RateLimit(rate=0.001, burst=3) for _ in range(3))
    return made


def statuses(guards, requests):
    """Return the statuses of requests (method, headers) to a route of the API."""

    async def ask():
        transport = httpx.ASGITransport(guards)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return [
                (await client.request(method, "/api/x", headers=headers)).status_code for method, headers in requests
            ]

    return asyncio.run(ask())


def test_rate_of_a_visitor_is_limited(guards):
    one, other = (guards.studio.visitors.create() for _ in range(2))
    first, second = (
        {"Cookie": f"gan_studio={visitor.cookie}", "X-Studio-Token": visitor.token} for visitor in (one, other)
    )
    assert statuses(guards, [("DELETE", first)] * 4) == [200, 200, 200, 429]
    assert statuses(guards, [("GET", first)] * 4) == [200, 200, 200, 429]
    assert statuses(guards, [("DELETE", second)]) == [200]


def test_forwarded_addresses_do_not_give_a_new_limit(guards):
    requests = [("GET", {"X-Forwarded-For": f"10.0.0.{i}", "Forwarded": f"for=10.0.0.{i}"}) for i in range(4)]
    assert statuses(guards, requests) == [200, 200, 200, 429]


def test_limit_refills(monkeypatch):
    now = 0.0
    monkeypatch.setattr(guards_module.time, "monotonic", lambda: now)
    limit = RateLimit(rate=2, burst=1)
    assert limit.take("a") == 0
    assert limit.take("a") == 0.5
    assert limit.take("b") == 0
    now = 0.5
    assert limit.take("a") == 0


def test_every_answer_has_the_headers_of_the_guards(server, visit):
    answers = [visit.get(path) for path in ("/", "/api/studio", "/nothing", "/api/jobs/none")]
    answers.append(visit.post("/api/jobs", json={}))
    answers.append(httpx.get(f"{server.url}api/studio", headers={"Host": "evil.example"}))
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "server" not in answer.headers


def test_cookie_cannot_be_read_or_sent_by_other_sites(server):
    cookie = httpx.get(f"{server.url}api/studio").headers["Set-Cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


class TestToken:
    """A studio that other machines reach."""

    TOKEN = "0123456789abcdef0123456789abcdef"

    @pytest.fixture(scope="class")
    def open_server(self, trained_runs, tmp_path_factory):
        with Server(trained_runs, tmp_path_factory.mktemp("open"), "--host", "0.0.0.0", "--token", self.TOKEN) as one:
            yield one

    @pytest.mark.parametrize(
        "path", ["/", "/page/app.js", "/api/studio", "/api/runs", "/nothing", "/?token=", "/?token=wrong"]
    )
    def test_every_request_needs_it(self, open_server, path):
        assert send(open_server.port, "GET", path)[:2] == (401, "token")

    def test_token_in_another_place_is_refused(self, open_server):
        assert send(open_server.port, "GET", f"/api/studio?token={self.TOKEN}")[:2] == (401, "token")
        assert send(open_server.port, "POST", f"/?token={self.TOKEN}")[:2] == (401, "token")

    def test_token_sets_a_cookie_and_leaves_the_address(self, open_server):
        status, _, headers = send(open_server.port, "GET", f"/?token={self.TOKEN}", hosts=["studio.example"])
        assert (status, headers["location"]) == (303, "/")
        cookie = headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert self.TOKEN not in cookie
        cookies = [("Cookie", cookie.partition(";")[0])]
        assert send(open_server.port, "GET", "/api/studio", cookies, hosts=["studio.example"])[0] == 200

    def test_identity_is_not_created_by_other_machines(self, open_server):
        with httpx.Client(base_url=f"http://127.0.0.1:{open_server.port}") as client:
            client.get("/", params={"token": self.TOKEN})
            token = client.get("/api/studio").json()["token"]
            answer = client.post("/api/identity", json={"name": "x"}, headers={"X-Studio-Token": token})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "identity_only_here")

    def test_guesses_are_limited(self, open_server):
        codes = [send(open_server.port, "GET", f"/?token={i:032}")[1] for i in range(40)]
        assert codes[-1] == "too_many"
