"""Starts servers of the studio in processes, and visits them."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.processes import ENVIRONMENT
from tests.test_toy_modality import TOY


class Server:
    """``gan-studio`` in a process of its own.

    Args:
        runs: the folder of runs.
        folder: folder for the gallery, the ledger and the identity.
        options: further options of the command.
    """

    def __init__(self, runs: Path, folder: Path, *options: str) -> None:
        self.runs, self.folder = runs, folder
        self.command = [
            *(sys.executable, "-m", "gan_lightning.commands.studio", str(runs), "--port", "0", "--no-browser"),
            *("--folder", str(folder / "studio"), "--ledger", str(folder / "ledger"), "--trust-code", "waves"),
            *options,
        ]
        path = os.pathsep.join([ENVIRONMENT["PYTHONPATH"], str(TOY)])
        self.environment = os.environ | ENVIRONMENT | {"PYTHONPATH": path, "GAN_IDENTITY_DIR": str(folder / "identity")}

    def __enter__(self) -> "Server":
        self.process = subprocess.Popen(
            self.command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=(self.folder / "errors").open("w"),
            text=True,
        )
        line = self.process.stdout.readline()
        assert line.startswith("studio: "), self.errors
        self.url = line.removeprefix("studio: ").strip()
        return self

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.communicate(timeout=20)

    @property
    def port(self) -> int:
        return httpx.URL(self.url).port or 80

    @property
    def worker(self) -> int:
        """Id of the worker process, which starts a moment after the server."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            tasks = Path(f"/proc/{self.process.pid}/task").iterdir()  # a thread may have started it
            found = [int(child) for task in tasks for child in (task / "children").read_text().split()]
            if found:
                return found[0]
            time.sleep(0.05)
        raise TimeoutError(self.errors)

    @property
    def errors(self) -> str:
        return (self.folder / "errors").read_text()


class Visit(httpx.Client):
    """Session of a visitor.

    Args:
        url: address of a studio.
    """

    def __init__(self, url: str) -> None:
        super().__init__(base_url=httpx.URL(url).join("/"), timeout=60)

    def __enter__(self) -> "Visit":
        super().__enter__()
        self.studio = self.get("/api/studio").json()
        self.headers["X-Studio-Token"] = self.studio["token"]
        return self

    def start(self, kind: str, **values: object) -> dict:
        """Start a job and return it."""
        answer = self.post("/api/jobs", json={"kind": kind, **values})
        assert answer.status_code == 202, answer.text
        return answer.json()["job"]

    def finish(self, job: dict) -> dict:
        """Wait for the end of a job and return it."""
        while job["state"] in ("queued", "running"):
            answer = self.get(f"/api/jobs/{job['id']}", params={"wait": 20})
            assert answer.status_code == 200, answer.text
            job = answer.json()
        return job

    def job(self, kind: str, **values: object) -> dict:
        """Run a job and return its result."""
        job = self.finish(self.start(kind, **values))
        assert job["state"] == "done", job["error"]
        return job["result"]

    def fail(self, kind: str, **values: object) -> dict:
        """Run a job that is refused or fails, and return the error."""
        body = json.dumps({"kind": kind, **values})  # also of values that httpx does not send
        answer = self.post("/api/jobs", content=body, headers={"Content-Type": "application/json"})
        if answer.status_code != 202:
            return answer.json()["error"]
        job = self.finish(answer.json()["job"])
        assert job["state"] == "failed"
        return job["error"]
