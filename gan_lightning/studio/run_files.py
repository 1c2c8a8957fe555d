"""Reads what the folder of a run says about it, without torch.

Such a folder may come from anybody: see ``untrusted.py``.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gan_lightning.paths import CARD, EARLIER_CHECKPOINT, LAST_CHECKPOINT, MANIFEST, METRICS
from gan_lightning.studio.untrusted import clip, is_inside, read_object, read_small_text

MAX_EVALUATIONS = 100  # that are compared by their times
EVALUATION = "evaluation"  # folder, and prefix of metrics of samples
SAMPLES = "samples"  # folder of the sheets
SHEET = re.compile(r"iteration_(\d{1,15})\.png", re.ASCII)
# Parts of a model card, as runs/model_card.py writes them.
CARD_CONDITION = "It takes a condition"
CARD_DIGEST = re.compile(r"^\* SHA-256 of the checkpoint: `([0-9a-f]{64})`$", re.MULTILINE)
CARD_HEADLINE = re.compile(r"^metrics:\n((?:- .{1,200}\n){1,100})", re.MULTILINE)
# Rows of the tables of metrics in a model card and in TensorBoard: name, values, meaning.
ROW, CELL_END, METRIC = (
    re.compile(r"^\|(.{1,4000})\|$", re.MULTILINE),
    re.compile(r"(?<!\\)\|"),
    re.compile(r"[\w/]{1,100}"),
)
ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True)
class Card:
    """Content of a model card that the page shows outside its text.

    Attributes:
        conditional: True if the model takes a condition.
        checkpoint: SHA-256 of the checkpoint, hexadecimal; None if the card does not say.
        headline: names of the most important metrics.
        meanings: meaning of each metric, in the evaluator's order.
    """

    conditional: bool
    checkpoint: str | None
    headline: list[str]
    meanings: dict[str, str]


@dataclass(frozen=True)
class RunFiles:
    """Content of the files of a run.

    Attributes:
        path: the folder.
        manifest: content of manifest.json.
        metrics: content of metrics.json; empty until the run has ended.
        card: content of the model card; None without one.
        evaluation: content of the metrics.json of the newest ``gan-evaluate`` of the run; empty without one.
        sheets: iterations with a sheet of samples, in order.
        checkpoint: True if there is a checkpoint.
    """

    path: Path
    manifest: dict[str, Any]
    metrics: dict[str, Any]
    card: Card | None
    evaluation: dict[str, Any]
    sheets: list[int]
    checkpoint: bool

    def setting(self, *keys: str) -> Any:
        """Return a setting of the recorded config by its keys; None if there is none."""
        value: Any = self.manifest.get("config")
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value


def read_run(path: Path) -> RunFiles | None:
    """Return the content of a run's files; None if the folder holds no manifest of a run."""
    manifest = read_object(path, MANIFEST)
    if not isinstance(manifest.get("status"), str) or not isinstance(manifest.get("segments"), list):
        return None
    return RunFiles(
        path=path,
        manifest=manifest,
        metrics=read_object(path, METRICS),
        card=read_card(path),
        evaluation=_read_evaluation(path),
        sheets=_find_sheets(path),
        checkpoint=any(is_inside(path / name, path) for name in (LAST_CHECKPOINT, EARLIER_CHECKPOINT)),
    )


def stamp(path: Path) -> tuple[tuple[int, int] | None, ...]:
    """Return times and sizes of the files of a run; equal if none has changed."""
    named = (path / name for name in (MANIFEST, METRICS, CARD, SAMPLES, LAST_CHECKPOINT.parent))
    return tuple(map(_stamp, (*named, *_evaluations(path))))


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def read_card(path: Path) -> Card | None:
    """Return the content of the model card of a run; None without one."""
    text = read_small_text(path, CARD)
    if text is None:
        return None
    digest, headline = CARD_DIGEST.search(text), CARD_HEADLINE.search(text)
    return Card(
        conditional=CARD_CONDITION in text,
        checkpoint=digest[1] if digest else None,
        headline=[line[2:].strip("'\"") for line in headline[1].splitlines()] if headline else [],
        meanings={name: meaning for name, _, meaning in metric_rows(text)},
    )


def metric_rows(text: str) -> list[tuple[str, list[str], str]]:
    """Return the rows of the tables of metrics in a Markdown text: name, cells between, and meaning."""
    rows = ([cell.strip() for cell in CELL_END.split(row)] for row in ROW.findall(text))
    named = ((cells[0].strip("`"), cells[1:-1], cells[-1]) for cells in rows if len(cells) > 2)
    return [
        (name, cells, clip(ESCAPED.sub(r"\1", meaning)))
        for name, cells, meaning in named
        if METRIC.fullmatch(name) and name != "metric"
    ]


def _read_evaluation(path: Path) -> dict[str, Any]:
    """Return the evaluation of the last checkpoint; without one, the newest of another checkpoint."""
    found = sorted(_evaluations(path), key=lambda one: (one.parent.name == LAST_CHECKPOINT.stem, _stamp(one) or (0, 0)))
    return read_object(path, found[-1].relative_to(path)) if found else {}


def _evaluations(path: Path) -> list[Path]:
    """Return the files that ``gan-evaluate`` wrote into the folder of a run."""
    return [path / EVALUATION / name / METRICS for name in _names_in(path / EVALUATION)][:MAX_EVALUATIONS]


def _find_sheets(path: Path) -> list[int]:
    """Return the iterations with a sheet; sheets that are links are left out."""
    folder = path / SAMPLES
    try:
        if folder.is_symlink():
            return []
        with os.scandir(folder) as entries:
            known = {one.name for one in entries if one.is_file(follow_symlinks=False)}
    except OSError:
        return []
    found = (int(one[1]) for name in known if (one := SHEET.fullmatch(name)))
    return sorted(one for one in found if sheet_path(path, one).name in known)


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def sheet_path(path: Path, iteration: int) -> Path:
    """Return the path of a sheet in the folder of a run."""
    return path / SAMPLES / f"iteration_{iteration:07d}.png"
