"""A run as the page shows it."""

import fcntl
import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gan_lightning.paths import LOCK
from gan_lightning.studio.run_files import RunFiles, sheet_path
from gan_lightning.studio.run_metrics import headline, pick_baseline
from gan_lightning.studio.untrusted import clip, number, object_in, seconds_since_1970

STATUSES = ("running", "finished", "interrupted", "diverged", "failed")


class Run:
    """Run of a library.

    Args:
        id: name of the run in URLs.
        files: content of its files.
        folder: its folder, relative to the folder of the library.
    """

    def __init__(self, id: str, files: RunFiles, folder: str) -> None:
        self.id = id
        self.files = files
        self.folder = folder
        self._ended = False  # True once its process was found to have ended without saying so

    @property
    def path(self) -> Path:
        return self.files.path

    @property
    def name(self) -> str:
        return clip(self.files.setting("name") or self.path.name, 200)

    @property
    def started(self) -> float:
        """Time at which the run was first started, seconds since 1970."""
        return self._segment_time(0) or 0.0

    @property
    def checkpoint_digest(self) -> str | None:
        """SHA-256 of the last checkpoint, as the model card or an evaluation says; it is a claim."""
        digest = (self.files.card and self.files.card.checkpoint) or self.files.evaluation.get("sha256")
        return digest if isinstance(digest, str) else None

    @property
    def status(self) -> str:
        """Recorded status; ``interrupted`` for a run that was killed, as nobody holds its lock."""
        recorded = self.files.manifest["status"]
        if recorded == "running":
            # Once only, as a process that starts to train the run could find the lock taken.
            self._ended = self._ended or not _is_locked(self.path / LOCK)
            return "interrupted" if self._ended else "running"
        return recorded if recorded in STATUSES else "failed"

    @property
    def seconds(self) -> float:
        """Duration of all segments; for a run in training, up to now."""
        if self.status != "running" or (started := self._segment_time(-1)) is None:
            return number(self.files.manifest.get("duration_seconds")) or 0.0
        earlier = self.files.manifest["segments"][:-1]
        recorded = [number(one.get("duration_seconds")) for one in earlier if isinstance(one, dict)]
        return sum(filter(None, recorded)) + max(time.time() - started, 0)

    @property
    def iterations(self) -> int:
        """Iterations that are done, as far as files other than the logs say."""
        known = [number(self.files.metrics.get("iteration")), *self.files.sheets[-1:]]
        return int(max((one for one in known if one is not None), default=0))

    @property
    def alarm(self) -> str | None:
        """Collapse that was found last and lasted to the end of the run, in words."""
        collapses = self.files.manifest.get("collapses")
        last = collapses[-1] if isinstance(collapses, list) and collapses else None
        if not isinstance(last, dict) or last.get("until") is not None:
            return None
        return clip(f"collapsed from iteration {last.get('since')} on: {last.get('why')}")

    def sheet_url(self, iteration: int) -> str:
        return f"/api/runs/{quote(self.id)}/sheets/{sheet_path(self.path, iteration).name}"

    def describe(self) -> dict[str, Any]:
        """Return the entry of the run in the list of all runs."""
        files, first = self.files, headline(self.files)
        return {
            "id": self.id,
            "name": self.name,
            "folder": clip(self.folder, 400),
            "status": self.status,
            "error": clip(files.manifest["error"]) if files.manifest.get("error") else None,
            "started": self.started,
            "seconds": self.seconds,
            "data": _last_name(files.setting("data", "_target_")),
            "model": _last_name(files.setting("model", "_target_")),
            "generator": _module_name(files.setting("model", "generator", "_target_")),
            "modality": self._modality("name"),
            "media_type": self._modality("media_type"),
            "iterations": self.iterations,
            "max_iterations": number(files.setting("max_iterations")),
            "checkpoint": files.checkpoint,
            "conditional": files.card.conditional if files.card else files.setting("data", "conditional") is True,
            "headline": first,
            "baseline": pick_baseline(files, first["name"]) if first else None,
            "sheet": self.sheet_url(files.sheets[-1]) if files.sheets else None,
        }

    def sheets(self) -> list[dict[str, Any]]:
        """Return the iterations with a sheet, and the URLs of the sheets."""
        return [{"iteration": one, "url": self.sheet_url(one)} for one in self.files.sheets]

    def _modality(self, key: str) -> str | None:
        """Return the recorded ``name`` or ``media_type`` of the modality of samples; None without one."""
        found = object_in(self.files.manifest, "modality").get(key)
        return clip(found, 100) if isinstance(found, str) else None

    def _segment_time(self, index: int) -> float | None:
        segments = self.files.manifest["segments"]
        segment = segments[index] if segments else None
        return seconds_since_1970(segment.get("started")) if isinstance(segment, dict) else None


def _is_locked(path: Path) -> bool:
    """Return True if a process holds the lock of a run, or if this cannot be found out."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except OSError:  # BlockingIOError if it is held; others on a file system without locks
        return True
    finally:
        os.close(descriptor)


def _last_name(target: Any) -> str | None:
    """Return the name of a class without its module."""
    return clip(target.rpartition(".")[2], 100) if isinstance(target, str) else None


def _module_name(target: Any) -> str | None:
    """Return the name of the module of a class, without its package."""
    return clip(target.split(".")[-2], 100) if isinstance(target, str) and "." in target else None
