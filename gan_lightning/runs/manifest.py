"""manifest.json: everything that a run's figures may depend on, and how the run went."""

import fcntl
import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, Literal

import torch

from gan_lightning import __version__
from gan_lightning.errors import Busy, UserError
from gan_lightning.files import read_json, write_json
from gan_lightning.paths import LOCK, MANIFEST, PACKAGE

PACKAGES = ("torchvision", "lightning", "hydra-core", "omegaconf", "numpy", "tensorboard")


class Manifest:
    """Written when a run begins and again when it ends; a resumed run adds a segment to the one that it has.

    Each segment has its own data, which may have changed (``allow_changed_data=true``).

    In between nobody else can begin in that folder: the system takes the lock back however the process ends.

    Args:
        run_dir: the run's folder.
        facts: what to record besides versions, revision and hardware; ``data`` among it.

    Raises:
        Busy: where another process trains in the folder.
    """

    def __init__(self, run_dir: Path, facts: dict[str, Any]) -> None:
        self.path = run_dir / MANIFEST
        self._lock = _locked(run_dir / LOCK)
        earlier = _segments(self.path) if self.path.exists() else []
        self._since = time.monotonic()
        self.segment: dict[str, Any] = {
            "command": sys.orig_argv,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "data": facts["data"],
        }
        self.content = facts | environment() | {"segments": [*earlier, self.segment]}
        self.update("running")

    @property
    def duration(self) -> float:
        """Seconds of all segments together."""
        return sum(segment["duration_seconds"] for segment in self.content["segments"])

    def update(self, status: Literal["running", "finished", "interrupted", "diverged", "failed"]) -> None:
        self.segment |= {"status": status, "duration_seconds": round(time.monotonic() - self._since, 3)}
        write_json(self.path, {"status": status, "duration_seconds": round(self.duration, 3)} | self.content)
        if status != "running":
            self._lock.close()


def _locked(path: Path) -> IO[str]:
    """The file, which holds the lock until it is closed; file systems that know no locks go without."""
    file = path.open("a", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise Busy(f"{path.parent}: another process trains there: wait until it has ended, or end it") from None
    except OSError:
        pass
    return file


def _segments(path: Path) -> list[dict[str, Any]]:
    """What a manifest says of the times that its run has run."""
    try:
        segments: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["segments"]
        sum(segment["duration_seconds"] for segment in segments)
        return segments
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(f"{path}: no manifest of a run: remove it, and the run goes on without its history") from error


def recorded_duration(run_dir: Path) -> float:
    """Return the seconds that a run has taken so far, by its manifest."""
    return float(read_json(run_dir / MANIFEST)["duration_seconds"])


def record_failure(run_dir: Path, reason: str) -> None:
    """Leave the reason in the folder of a sweep's job, whether it had begun or not."""
    path = run_dir / MANIFEST
    begun = read_json(path) or {"duration_seconds": 0.0, "segments": []}
    write_json(path, begun | {"status": "failed", "error": reason})


def environment() -> dict[str, Any]:
    """Versions, revision and hardware: what a figure may depend on besides the config."""
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    packages = {"gan-lightning": __version__, "torch": torch.__version__}
    return {
        "python": platform.python_version(),
        "packages": packages | {name: version(name) for name in PACKAGES},
        "git": _git_state(),
        "hardware": {
            "platform": platform.platform(),
            "processor": processor(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "gpus": gpus,
        },
    }


def _git_state() -> dict[str, Any] | None:
    """Revision of the checkout that the package lies in and whether it was changed; None outside a checkout."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(PACKAGE), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")) != PACKAGE.parent:
            return None  # some other project's repository, around an installed package
        return {"revision": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return None


def processor() -> str:
    """The processor's name, which ``platform.processor()`` does not know on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
