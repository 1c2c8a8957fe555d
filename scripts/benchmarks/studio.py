"""Measures the studio: its start, samples and walks of small models, and many visitors at once."""

import argparse
import asyncio
import os
import re
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from .runs import TRAIN, run_command
from .serving import serve
from .tables import Row, median_and_range

MODELS = {
    "quickstart": ["experiment=quickstart"],
    "styles": ["experiment=art", "data.images=64", "data.test_images=64"],
}
QUICK = ["max_iterations=2", "callbacks.evaluation=null", "callbacks.collapse_alarm=null", "trainer=cpu"]
STEPS = 120  # images of a walk
COPIES = 200  # of a run, to be listed
VISITORS, SECONDS = 50, 60


@dataclass
class Load:
    """Result of many visitors who generate at once.

    Attributes:
        seconds: for each sample, seconds from the request until its image had arrived.
        errors: answers other than expected, in words.
    """

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def studio(arguments: argparse.Namespace) -> list[Row]:
    """Measure a server in a process of its own, with the networks of two experiments, trained for two iterations."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for run, overrides in MODELS.items():
            run_command([*TRAIN, *overrides, *QUICK, f"hydra.run.dir={folder}/runs/{run}"], arguments.threads)
        starts = [measure_start(folder) for _ in range(arguments.rounds)]
        for label, seconds in zip(("server up", "first page", "first sample"), zip(*starts, strict=True), strict=True):
            rows.append({"": f"{label}, seconds", "measured": median_and_range(seconds)})
        with serve(folder / "runs", folder) as (process, url):
            for run in MODELS:
                rates = [STEPS / measure_walk(url, run) for _ in range(arguments.rounds + 1)][1:]
                rows.append({"": f"walk of {run}, images per second", "measured": median_and_range(rates, 0)})
            for copy in range(COPIES):
                shutil.copytree(folder / "runs" / "quickstart", folder / "runs" / str(copy), copy_function=os.link)
            lists = [measure_list(url) for _ in range(arguments.rounds)]
            rows.append({"": f"list of {COPIES + len(MODELS)} runs, seconds", "measured": median_and_range(lists)})
            load = asyncio.run(visit_together(url, "quickstart", VISITORS, SECONDS))
            times = statistics.quantiles(load.seconds, n=100)
            title = f"{VISITORS} visitors for {SECONDS} seconds"
            rows.append({"": f"{title}: samples", "measured": f"{len(load.seconds):,}"})
            rows.append({"": f"{title}: errors", "measured": str(len(load.errors))})
            rows.append({"": f"{title}: seconds, median and p95", "measured": f"{times[49]:.2f}, {times[94]:.2f}"})
            peaks = [peak_megabytes(one) for one in (process.pid, *children(process.pid))]
            rows.append({"": "peak memory of the server and its worker, MB", "measured": ", ".join(peaks)})
    return rows


def measure_start(folder: Path) -> tuple[float, float, float]:
    """Return the seconds until the server is up, then for the page with its files, and until the first sample."""
    begin = time.perf_counter()
    with serve(folder / "runs", folder) as (_, url), httpx.Client(base_url=url, timeout=120) as client:
        up = time.perf_counter()
        page = client.get("/").text
        for path in re.findall(r'(?:src|href)="(/page/[^"]+)"', page):
            client.get(path).raise_for_status()
        client.get("/api/studio").raise_for_status()
        shown = time.perf_counter()
        run_job(client, kind="samples", run="quickstart", n=1)
        return up - begin, shown - up, time.perf_counter() - begin


def measure_walk(url: str, run: str) -> float:
    """Return the seconds of a walk of ``STEPS`` images."""
    with httpx.Client(base_url=url, timeout=120) as client:
        end = {"seed": "1", "n": 1, "index": 0}
        begin = time.perf_counter()
        run_job(client, kind="walk", run=run, **{"from": end, "to": end | {"seed": "2"}}, steps=STEPS)
        return time.perf_counter() - begin


def measure_list(url: str) -> float:
    """Return the seconds until the server has listed its runs."""
    with httpx.Client(base_url=url, timeout=120) as client:
        begin = time.perf_counter()
        client.get("/api/runs").raise_for_status()
        return time.perf_counter() - begin


def run_job(client: httpx.Client, **request: Any) -> Any:
    """Run a job of a new visitor and return its result."""
    headers = {"X-Studio-Token": client.get("/api/studio").json()["token"]}
    job = client.post("/api/jobs", json=request, headers=headers).raise_for_status().json()["job"]
    while job["state"] in ("queued", "running"):
        job = client.get(f"/api/jobs/{job['id']}", params={"wait": 20}).raise_for_status().json()
    assert job["state"] == "done", job["error"]
    return job["result"]


async def visit_together(url: str, run: str, visitors: int, seconds: float) -> Load:
    """Let visitors generate one sample after another for some seconds, and fetch each image."""
    load = Load()
    async with asyncio.TaskGroup() as group:
        for _ in range(visitors):
            group.create_task(_visit(url, run, time.perf_counter() + seconds, load))
    return load


async def _visit(url: str, run: str, end: float, load: Load) -> None:
    # Reading the certificates of authorities, which plain HTTP does not need, would take longer than many samples.
    async with httpx.AsyncClient(base_url=url, timeout=60, verify=False) as client:
        try:
            headers = {"X-Studio-Token": (await client.get("/api/studio")).raise_for_status().json()["token"]}
            while time.perf_counter() < end:
                begin = time.perf_counter()
                request = {"kind": "samples", "run": run, "n": 1}
                job = (await client.post("/api/jobs", json=request, headers=headers)).raise_for_status().json()["job"]
                while job["state"] in ("queued", "running"):
                    path = f"/api/jobs/{job['id']}"
                    job = (await client.get(path, params={"wait": 20})).raise_for_status().json()
                if job["state"] != "done":
                    load.errors.append(str(job["error"]))
                    continue
                (await client.get(job["result"]["samples"][0]["preview"])).raise_for_status()
                load.seconds.append(time.perf_counter() - begin)
        except httpx.HTTPError as error:
            load.errors.append(f"{type(error).__name__} {error}")


def children(process: int) -> list[int]:
    """Return the ids of the processes that a process has started."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text(encoding="utf-8").split()]


def peak_megabytes(process: int) -> str:
    """Return the largest resident memory of a process so far."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return f"{int(found[1]) / 1024:,.0f}"
