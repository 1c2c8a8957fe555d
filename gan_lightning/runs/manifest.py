"""Writes and reads manifest.json: all that the results of a run may depend on, and how the run ended."""

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
    """Manifest of a run, which is written when the run starts and when it ends.

    A resumed run adds a segment. Each segment records its own data, which may have changed
    (``allow_changed_data=true``). Until the run ends, a lock keeps other processes from training in the folder; the
    system releases it when the process ends, even if it is killed.

    Args:
        run_dir: the folder of the run.
        facts: entries besides versions, revision and hardware; one of them is ``data``.

    Raises:
        Busy: if another process trains in the folder.
    """

    def __init__(self, run_dir: Path, facts: dict[str, Any]) -> None:
        self.path = run_dir / MANIFEST
        self._lock = _open_locked(run_dir / LOCK)
        earlier = _segments(self.path) if self.path.exists() else []
        self._start = time.monotonic()
        self.segment: dict[str, Any] = {
            "command": sys.orig_argv,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "data": facts["data"],
        }
        self.content = facts | environment() | {"segments": [*earlier, self.segment]}
        self.update("running")

    @property
    def duration(self) -> float:
        """Seconds that all segments took together."""
        return sum(segment["duration_seconds"] for segment in self.content["segments"])

    def update(self, status: Literal["running", "finished", "interrupted", "diverged", "failed"]) -> None:
        """Write the manifest with a new status and the current duration."""
        self.segment |= {"status": status, "duration_seconds": round(time.monotonic() - self._start, 3)}
        write_json(self.path, {"status": status, "duration_seconds": round(self.duration, 3)} | self.content)
        if status != "running":
            self._lock.close()


def _open_locked(path: Path) -> IO[str]:
    """Open a file that holds a lock until it is closed; on a file system without locks, it holds none.

    Raises:
        Busy: if another process holds the lock.
    """
    file = path.open("a", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise Busy(f"{path.parent}: another process trains there: wait until it has ended, or stop it") from None
    except OSError:
        pass
    return file


def _segments(path: Path) -> list[dict[str, Any]]:
    """Return the segments of a manifest.

    Raises:
        UserError: if the file is no manifest.
    """
    try:
        segments: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["segments"]
        sum(segment["duration_seconds"] for segment in segments)
        return segments
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(f"{path}: no manifest of a run: remove it to continue the run without its history") from error


def recorded_duration(run_dir: Path) -> float:
    """Return the seconds that a run has taken, as its manifest records them."""
    return float(read_json(run_dir / MANIFEST)["duration_seconds"])


def record_failure(run_dir: Path, reason: str) -> None:
    """Record in the manifest of a sweep's job why it failed; the job may not have written one yet."""
    path = run_dir / MANIFEST
    manifest = read_json(path) or {"duration_seconds": 0.0, "segments": []}
    write_json(path, manifest | {"status": "failed", "error": reason})


def environment() -> dict[str, Any]:
    """Return versions, git revision and hardware, which results may depend on besides the config."""
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
    """Return the revision of the checkout that holds the package, and if it has changes; None outside a checkout."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(PACKAGE), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")) != PACKAGE.parent:
            return None  # the package is installed inside another project's repository
        return {"revision": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return None


def processor() -> str:
    """Return the name of the processor; ``platform.processor()`` does not know it on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
