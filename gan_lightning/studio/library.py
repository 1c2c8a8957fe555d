"""Finds the runs below a folder."""

import hashlib
import os
import re
import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from gan_lightning.paths import MANIFEST
from gan_lightning.studio.refusals import unknown
from gan_lightning.studio.run_files import read_run, stamp
from gan_lightning.studio.runs import Run
from gan_lightning.studio.untrusted import is_inside

MAX_DEPTH, MAX_FOLDERS = 8, 20_000  # that are searched
PLAIN = re.compile(r"[\w.=/-]+", re.ASCII)  # folders whose ids need no digest


class Library:
    """Runs below a folder. All methods may be called from several threads.

    Args:
        folder: a folder of runs, or the folder of one run.
        without: folders that are not searched.
    """

    def __init__(self, folder: Path, without: Collection[Path] = ()) -> None:
        self.folder = folder.absolute()
        self._without = {one.absolute() for one in without}
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[Any, Run | None]] = {}

    def runs(self) -> list[Run]:
        """Return all runs, the newest first. Only files that have changed are read again."""
        with self._lock:
            self._known = {path: self._read(path) for path in self._find()}
            runs = [run for _, run in self._known.values() if run]
        return sorted(runs, key=lambda run: (run.started, run.id), reverse=True)

    def find(self, id: str) -> Run:
        """Return the run of this id with the present content of its files.

        Raises:
            Refusal: if there is none.
        """
        with self._lock:
            path = next((path for path, (_, run) in self._known.items() if run and run.id == id), None)
            if path is not None:
                self._known[path] = self._read(path)
                if run := self._known[path][1]:
                    return run
        for run in self.runs():
            if run.id == id:
                return run
        raise unknown("run", id)

    def _read(self, path: Path) -> tuple[Any, Run | None]:
        found = stamp(path)
        if path in self._known and self._known[path][0] == found:
            return self._known[path]
        files = read_run(path)
        relative = os.path.relpath(path, self.folder) if path != self.folder else path.name
        return found, Run(_id_of(relative), files, relative) if files else None

    def _find(self) -> Iterator[Path]:
        """Yield the folders that hold a manifest. Neither links nor hidden folders are followed."""
        waiting, searched = [(self.folder, 0)], 0
        while waiting and searched < MAX_FOLDERS:
            folder, depth = waiting.pop()
            searched += 1
            try:
                with os.scandir(folder) as entries:
                    found = {one.name: one.is_dir(follow_symlinks=False) for one in entries}
            except OSError:
                continue
            if found.get(MANIFEST) is False and is_inside(folder / MANIFEST, folder):
                yield folder
            elif depth < MAX_DEPTH:
                below = [folder / name for name, is_folder in found.items() if is_folder and not name.startswith(".")]
                waiting += [(one, depth + 1) for one in below if one not in self._without]


def _id_of(folder: str) -> str:
    """Return a name for URLs: the folder with ``~`` for ``/``, and a digest if other characters had to be replaced."""
    if PLAIN.fullmatch(folder):
        return folder.replace("/", "~")
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return f"{re.sub(r'[^A-Za-z0-9_.=/-]', '-', folder)[:100].replace('/', '~')}~{digest}"
