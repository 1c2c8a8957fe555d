"""Routes of runs: lists, details, sheets, scalars, and live updates over a real connection."""

import json
import socket
import threading
import time
from contextlib import ExitStack

import httpx
import pytest
import uvicorn
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from gan_lightning.runs.manifest import Manifest
from gan_lightning.studio import live, tensorboards, watch
from gan_lightning.studio.curves import Curves, thin
from gan_lightning.studio.library import Library
from tests.studio.run_folders import add_results, app_of, client_of, make_run, studio_with

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def folder(tmp_path):
    return make_run(tmp_path / "runs" / "a")


@pytest.fixture
def routes(folder):
    return watch.router(studio_with(library=Library(folder.parent)))


@pytest.fixture
def writer(folder):
    with SummaryWriter(folder / "tensorboard") as writer:
        yield writer


def write(writer, *iterations, tag="loss/generator"):
    for iteration in iterations:
        writer.add_scalar(tag, iteration / 2, iteration)
    writer.flush()


async def test_list_and_details(routes, folder):
    add_results(folder)
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "overrides.yaml").write_text("- data=digits\n- 'name=\"x y\"'\n- 3\n")
    async with client_of(routes) as client:
        (listed,) = (await client.get("/api/runs")).json()["runs"]
        found = (await client.get("/api/runs/a")).json()
    assert all(found[key] == value for key, value in listed.items())
    assert (listed["id"], found["headline"]["name"]) == ("a", "coverage")
    assert found["overrides"] == ["data=digits", 'name="x y"']
    assert found["card"].startswith("# small\n")
    assert found["card"].endswith("`")  # without the digest behind the text
    assert [one["name"] for one in found["metrics"]] == ["coverage", "density", "recall"]
    assert found["sheets"][0] == {"iteration": 5, "url": "/api/runs/a/sheets/iteration_0000005.png"}
    assert found["alarm"] is None


async def test_sheet(routes, folder):
    add_results(folder)
    async with client_of(routes) as client:
        answer = await client.get("/api/runs/a/sheets/iteration_0000005.png")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        assert answer.content == (folder / "samples" / "iteration_0000005.png").read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "runs/b",
        "runs/..",
        "runs/%2e%2e",
        "runs/a%2f..",
        "runs/a/sheets/iteration_0000006.png",
        "runs/a/sheets/iteration_5.png",
        "runs/a/sheets/manifest.json",
        "runs/a/sheets/..%2fmanifest.json",
        "runs/a/sheets/iteration_٠٠٠٠٠٠٥.png",
        "runs/a/sheets/iteration_0000007.png",
        "runs/b/scalars",
        "runs/b/live",
    ],
)
async def test_unknown_paths(routes, folder, tmp_path, path):
    add_results(folder)
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "samples" / "iteration_0000007.png").symlink_to(tmp_path / "secret.png")
    async with client_of(routes) as client:
        answer = await client.get(f"/api/{path}")
    assert answer.status_code == 404, answer.text


async def test_overrides_that_are_no_list_of_texts(routes, folder):
    (folder / ".hydra").mkdir()
    aliases = ["a: &a [x, x]", *(f"{b}: &{b} [*{a}, *{a}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True))]
    async with client_of(routes) as client:
        for text in ("a: [", "a: b", "- !!python/object/apply:os.system [true]", "[" * 5000, "\n".join(aliases)):
            (folder / ".hydra" / "overrides.yaml").write_text(text)
            assert (await client.get("/api/runs/a")).json()["overrides"] == []


async def test_scalars_are_those_of_tensorboard(routes, folder, writer):
    write(writer, *range(1, 300))
    write(writer, *range(10, 100, 10), tag="quality/coverage")
    writer.add_scalar("loss/generator", float("nan"), 300)
    writer.flush()
    reference = EventAccumulator(str(folder / "tensorboard"))
    reference.Reload()
    async with client_of(routes) as client:
        found = (await client.get("/api/runs/a/scalars")).json()["series"]
    assert found.keys() == set(reference.Tags()["scalars"])
    for tag, points in found.items():
        expected = [[one.step, one.value] for one in reference.Scalars(tag)]
        assert points[:299] == expected[:299]
    assert found["loss/generator"][299] == [300, None]


async def test_scalars_are_thinned(routes, folder, writer):
    write(writer, *range(3000))
    async with client_of(routes) as client:
        points = (await client.get("/api/runs/a/scalars")).json()["series"]["loss/generator"]
    assert 400 < len(points) <= 500
    assert (points[0], points[-1]) == ([0, 0.0], [2999, 1499.5])


def test_thinned_curve_keeps_peaks():
    points = [(i, 0.0) for i in range(10_000)]
    points[1234], points[7777], points[5000] = (1234, 9.0), (7777, -9.0), (5000, None)
    kept = thin(points, 500)
    assert len(kept) <= 500
    assert {(1234, 9.0), (7777, -9.0), (5000, None), (0, 0.0), (9999, 0.0)} <= set(kept)
    assert kept == sorted(kept, key=lambda point: point[0])
    assert thin(points[:500], 500) == points[:500]


def test_only_new_bytes_are_read(folder, writer, monkeypatch):
    curves = Curves(folder)
    write(writer, 1, 2)
    first = curves.update()
    write(writer, 3)
    second = curves.update()
    assert curves.since(first) == {"loss/generator": [(3, 1.5)]}
    (path,) = (folder / "tensorboard").iterdir()
    content = path.read_bytes()
    path.write_bytes(b"\0" * 20 + content[20:])  # would be an error if it were read again
    assert curves.update() == second
    assert curves.since(second) == {}


def test_incomplete_event_waits_for_its_end(folder, writer):
    write(writer, 1, 2)
    (path,) = (folder / "tensorboard").iterdir()
    content = path.read_bytes()
    curves = Curves(folder)
    for end in range(len(content) + 1):
        path.write_bytes(content[:end])
        curves.update()
    assert curves.series(500) == {"loss/generator": [(1, 0.5), (2, 1.0)]}


def test_log_that_was_cut_is_read_anew(folder, writer):
    """A resumed run cuts its log to the last checkpoint."""
    write(writer, 1, 2)
    (path,) = (folder / "tensorboard").iterdir()
    content = path.read_bytes()
    curves = Curves(folder)
    write(writer, 3, 4, 5)
    position = curves.update()
    path.write_bytes(content)
    after = curves.update()
    assert after.reading == position.reading + 1
    assert curves.since(position) is None
    assert curves.series(500) == {"loss/generator": [(1, 0.5), (2, 1.0)]}
    path.unlink()
    curves.update()
    assert curves.series(500) == {}


@pytest.mark.parametrize("garbage", [b"\0" * 100, b"\xff" * 100, b"no event file", b""])
def test_damaged_log_gives_the_points_before(folder, writer, garbage):
    write(writer, 1)
    (path,) = (folder / "tensorboard").iterdir()
    with path.open("ab") as file:
        file.write(garbage)
    (folder / "tensorboard" / "events.out.tfevents.9.x").write_bytes(garbage)
    curves = Curves(folder)
    curves.update()
    curves.update()
    assert curves.series(500) == {"loss/generator": [(1, 0.5)]}


def test_large_events_are_skipped(folder, writer):
    import numpy as np

    writer.add_image("samples", np.random.default_rng(0).random((3, 200, 200)).astype("float32"), 1)
    write(writer, 1)
    curves = Curves(folder)
    curves.update()
    assert curves.series(500) == {"loss/generator": [(1, 0.5)]}


async def test_metrics_and_alarm_of_a_run_in_training(routes, folder, writer):
    manifest = Manifest(folder, {"data": {}, "config": {"name": "x"}})
    table = "100 samples compared\n\n| metric | samples | real data | meaning |\n|---|---|---|---|\n"
    writer.add_text("evaluation", f"{table}| coverage | 0.5 | 0.96 | near |\n\nvariety: low", 8)
    write(writer, 8, tag="evaluation/coverage")
    writer.add_scalar("alarm/collapsed", 1, 9)
    writer.add_text("alarm", "collapsed: samples repeat", 9)
    writer.flush()
    async with client_of(routes) as client:
        found = (await client.get("/api/runs/a")).json()
    expected = {"name": "coverage", "meaning": "near", "value": 4.0, "real": 0.96, "baselines": {}, "headline": False}
    assert found["metrics"] == [expected]
    assert (found["status"], found["iterations"], found["alarm"]) == ("running", 9, "collapsed: samples repeat")
    manifest.update("finished")


@pytest.fixture
def served(routes, monkeypatch):
    """Serve the routes on a port of this machine; return the address."""
    monkeypatch.setattr(live, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(live, "COMMENT_SECONDS", 0.1)
    app = app_of(routes)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/api/runs"
    server.should_exit = True
    thread.join()


def events_of(lines):
    """Yield the events of a stream: name, data, id."""
    event = {}
    for line in lines:
        if not line and "event" in event:
            yield event["event"], json.loads(event["data"]), event.get("id")
        if not line:
            event = {}
        name, _, value = line.partition(": ")
        event[name] = value


def test_live_updates(served, folder, writer):
    write(writer, 1)
    manifest = Manifest(folder, {"data": {}})
    position = httpx.get(f"{served}/a/scalars").json()["position"]
    write(writer, 2)
    with httpx.stream("GET", f"{served}/a/live", params={"position": position}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = events_of(answer.iter_lines())
        name, data, id = next(events)
        assert (name, data) == ("scalars", {"reset": False, "series": {"loss/generator": [[2, 1.0]]}})
        assert next(events)[0] == "metrics"
        assert next(events)[:2] == (
            "status",
            {"status": "running", "iterations": 2, "seconds": pytest.approx(12.5, abs=9), "alarm": None},
        )
        write(writer, 3)
        assert next(events)[1]["series"] == {"loss/generator": [[3, 1.5]]}
        assert next(events)[1]["iterations"] == 3
        add_results(folder)
        kinds = {next(events)[0] for _ in range(2)} | {next(events)[0]}
        assert kinds >= {"metrics", "sheet"}
        manifest.update("finished")
        assert (
            next(one for name, one, _ in events if name == "status" and one["status"] != "running")["status"]
            == "finished"
        )
    with httpx.stream("GET", f"{served}/a/live", headers={"Last-Event-ID": id}) as answer:
        assert next(events_of(answer.iter_lines()))[1]["series"] == {"loss/generator": [[3, 1.5]]}


def test_stream_of_a_log_that_was_cut_starts_again(served, folder, writer):
    write(writer, 1)
    with httpx.stream("GET", f"{served}/a/live", params={"position": "7.3"}) as answer:
        data = next(events_of(answer.iter_lines()))[1]
    assert data == {"reset": True, "series": {"loss/generator": [[1, 0.5]]}}


def test_quiet_stream_has_comments_and_ends_with_the_run(served, folder):
    with httpx.stream("GET", f"{served}/a/live") as answer:
        lines = answer.iter_lines()
        assert any(line.startswith(": ") for line in lines)
        (folder / "manifest.json").unlink()
        assert all(line == "" or line.startswith(": ") for line in lines)


def test_listeners_that_leave_are_forgotten(served, folder, monkeypatch):
    monkeypatch.setattr(watch, "MAX_LISTENERS", 3)

    def count_accepted(stack):
        answers = [stack.enter_context(httpx.stream("GET", f"{served}/a/live")) for _ in range(4)]
        return [answer.status_code for answer in answers].count(200)

    with ExitStack() as stack:
        assert count_accepted(stack) == 3
        threads = threading.active_count()
    for _ in range(3):
        end = time.monotonic() + 5
        accepted = 0
        while accepted < 3 and time.monotonic() < end:
            with ExitStack() as stack:
                accepted = count_accepted(stack)
        assert accepted == 3
    assert threading.active_count() <= threads + 3  # a pool polls for all listeners; each round had at least three


async def test_tensorboard(routes, folder, monkeypatch):
    async with client_of(routes) as client:
        found = (await client.get("/api/tensorboard")).json()
    assert found["url"] is None
    assert found["command"].endswith(f"tensorboard --logdir {folder.parent}")


@pytest.mark.parametrize(
    ("logs", "port", "prefix", "alive", "url"),
    [
        ("{runs}", 6006, "", True, "http://localhost:6006/"),
        ("{parent}", 6007, "/tb", True, "http://localhost:6007/tb/"),
        ("{runs}/a", 6006, "", True, None),
        ("/elsewhere", 6006, "", True, None),
        ("{runs}", 6006, "", False, None),
        ("{runs}", 70_000, "", True, None),
        ("{runs}", 6006, "/@evil.example/", True, None),
        ("", 6006, "", True, None),
    ],
)
def test_running_tensorboard(tmp_path, monkeypatch, logs, port, prefix, alive, url):
    import os

    runs = tmp_path / "runs"
    runs.mkdir()
    info = studio_with(
        pid=os.getpid() if alive else 2**22 + 1,
        port=port,
        path_prefix=prefix,
        logdir=logs.format(runs=runs, parent=tmp_path),
    )
    monkeypatch.setattr(tensorboards.manager, "get_all", lambda: [info])
    assert tensorboards.tensorboard_url(runs) == url
