"""Reads scalars from TensorBoard's event files, and of files that grow only the new bytes.

An event file is a sequence of records: length of the event (uint64), its masked CRC-32C (uint32), the event, and the
CRC of the event. TensorBoard's reader also computes the CRC of the events, which takes seconds for files with images.
This one skips large events, such as images, without reading them.
"""

import math
import re
import struct
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

from gan_lightning.studio.untrusted import clip, is_inside

FOLDER = "tensorboard"  # in the folder of a run
FILES = re.compile(r"events\.out\.tfevents\.[\w.-]{1,200}", re.ASCII)
HEADER, CHECKSUM_BYTES = struct.Struct("<QI"), 4
MAX_EVENT_BYTES = 2**16  # larger events are images or sounds
MAX_BYTES = 2**24  # of one update, so that the first one of a large log does not keep others waiting
MAX_FILES, MAX_TAGS, MAX_POINTS = 1000, 500, 1_000_000
TEXTS = {"evaluation/text_summary": "evaluation", "alarm/text_summary": "alarm"}  # texts that callbacks log, by tag

Point = tuple[int, float | None]  # iteration and value; None for a value that is not finite


class Position(NamedTuple):
    """Position in the points of a log: how often it was read anew, and the number of points read since."""

    reading: int
    points: int

    def __str__(self) -> str:
        return f"{self.reading}.{self.points}"


@dataclass
class _EventFile:
    """Event file that was read up to an offset."""

    offset: int = 0
    damaged: bool = False
    new_points: list[tuple[str, int, float | None]] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)


class _Changed(Exception):
    """A file is shorter than before, or does not continue with a record: it was cut and written anew."""


class Curves:
    """Scalars of a run by their tags. All methods may be called from several threads.

    A run that is resumed cuts its event files to the last checkpoint. They are then read anew.

    Args:
        path: the folder of the run.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._files: dict[str, _EventFile] = {}
        self._points: list[tuple[str, int, float | None]] = []
        self._last: dict[str, Point] = {}
        self._reading = 0

    def update(self) -> Position:
        """Read what was added to the files, and return the position at the end."""
        with self._lock:
            names = self._names()
            if any(name not in names for name in self._files):
                self._restart()
            try:
                self._read_new(names)
            except _Changed:
                self._restart()
                self._read_new(names)
            return Position(self._reading, len(self._points))

    def series(self, most: int) -> dict[str, list[Point]]:
        """Return for each tag at most ``most`` points, in the order of their iterations."""
        with self._lock:
            return {tag: thin(points, most) for tag, points in _by_tag(self._points).items()}

    def since(self, position: Position) -> dict[str, list[Point]] | None:
        """Return the points after a position for each tag; None if the files were read anew since."""
        with self._lock:
            if position.reading != self._reading or position.points > len(self._points):
                return None
            return _by_tag(self._points[position.points :])

    def last(self) -> dict[str, float | None]:
        """Return the last value for each tag."""
        with self._lock:
            return {tag: value for tag, (_, value) in self._last.items()}

    @property
    def iterations(self) -> int:
        """Largest iteration with a point."""
        with self._lock:
            return max((iteration for iteration, _ in self._last.values()), default=0)

    def text(self, name: str) -> str:
        """Return the last text of a callback, ``evaluation`` or ``alarm``; an empty one if there is none."""
        with self._lock:
            return next((file.texts[name] for file in reversed(self._files.values()) if name in file.texts), "")

    def _names(self) -> list[str]:
        """Return the names of the event files, in the order in which they were started."""
        folder = self._path / FOLDER
        try:
            names = [one.name for one in folder.iterdir() if FILES.fullmatch(one.name)]
        except OSError:
            return []
        return sorted(name for name in names if is_inside(folder / name, self._path))[:MAX_FILES]

    def _restart(self) -> None:
        self._files, self._points, self._last = {}, [], {}
        self._reading += 1

    def _read_new(self, names: Iterable[str]) -> None:
        budget = MAX_BYTES
        for name in names:
            known = self._files.setdefault(name, _EventFile())
            start = known.offset
            try:
                with (self._path / FOLDER / name).open("rb") as file:
                    _read_events(file, known, start + budget)
            except OSError:
                continue
            budget -= known.offset - start
            added = known.new_points[: MAX_POINTS - len(self._points)]
            self._points += added
            for tag, iteration, value in added:
                if iteration >= self._last.get(tag, (0, None))[0] and (tag in self._last or len(self._last) < MAX_TAGS):
                    self._last[tag] = iteration, value
            known.new_points = []


def _read_events(file: BinaryIO, known: _EventFile, end: int) -> None:
    """Read the complete events from the offset on; a last incomplete one waits for the rest of its bytes.

    Raises:
        _Changed: if the file is shorter than the offset, or no record starts there.
    """
    size = file.seek(0, 2)
    if size < known.offset:
        raise _Changed
    first = known.offset
    while not known.damaged and known.offset + HEADER.size <= size and known.offset < end:
        file.seek(known.offset)
        header = file.read(HEADER.size)
        if len(header) < HEADER.size:
            return
        length, checksum = HEADER.unpack(header)
        if checksum != masked_crc32c(header[:8]):
            if first and known.offset == first:
                raise _Changed
            known.damaged = True
            return
        following = known.offset + HEADER.size + length + CHECKSUM_BYTES
        if following > size:
            return
        if length <= MAX_EVENT_BYTES:
            _add_event(file.read(length), known)
        known.offset = following


def _add_event(content: bytes, known: _EventFile) -> None:
    """Add the scalars and the texts of an event."""
    try:
        event = Event.FromString(content)
    except DecodeError:
        return
    for value in event.summary.value:
        if value.HasField("simple_value"):
            known.new_points.append((clip(value.tag, 200), event.step, _finite(value.simple_value)))
        elif value.tag in TEXTS and value.tensor.string_val:
            known.texts[TEXTS[value.tag]] = value.tensor.string_val[0].decode(errors="replace")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _by_tag(points: Sequence[tuple[str, int, float | None]]) -> dict[str, list[Point]]:
    """Return the points of each tag in the order of iterations; of several for one iteration, the last."""
    series: dict[str, dict[int, float | None]] = {}
    for tag, iteration, value in points:
        if tag in series or len(series) < MAX_TAGS:
            series.setdefault(tag, {})[iteration] = value
    return {tag: sorted(one.items()) for tag, one in series.items()}


def thin(points: Sequence[Point], most: int) -> list[Point]:
    """Return at most ``most`` points that keep the peaks of a curve.

    The points are divided into groups of equal size. Of each, the smallest and the largest value stay; of a group with
    values that are not finite, the first of these and the largest. The first and the last point always stay.
    """
    if len(points) <= most:
        return list(points)
    groups = most // 2 - 1
    inner = points[1:-1]
    chosen = [points[0]]
    for i in range(groups):
        group = inner[len(inner) * i // groups : len(inner) * (i + 1) // groups]
        finite = [point for point in group if point[1] is not None]
        gap = next((point for point in group if point[1] is None), None)
        picked = [gap] if gap else [min(finite, key=_value)]
        picked += [max(finite, key=_value)] if finite else []
        chosen += sorted({point[0]: point for point in picked if point}.values(), key=lambda point: point[0])
    return [*chosen, points[-1]]


def _value(point: Point) -> float:
    assert point[1] is not None
    return point[1]
