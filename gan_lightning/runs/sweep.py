"""Writes the table at the end of a sweep, from the folders of its jobs."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gan_lightning.config.grammar import unquoted
from gan_lightning.config.trust import check_trusted
from gan_lightning.config.validation import instantiate
from gan_lightning.errors import UserError, os_errors_as_user_errors
from gan_lightning.files import read_json, write_csv
from gan_lightning.metrics.evaluator import Evaluator
from gan_lightning.paths import MANIFEST, METRICS, OVERRIDES
from gan_lightning.runs.folders import stored_overrides
from gan_lightning.tables import markdown, mean_and_deviation

Row = dict[str, Any]
STATUS_COLUMNS = ("status", "duration_seconds")


def summarize(sweep_dir: Path, resume_command: str) -> int:
    """Write ``summary.csv``, and print it as Markdown with mean ± standard deviation over seeds.

    Args:
        sweep_dir: the folder of the sweep.
        resume_command: the command that continues the sweep.

    Returns:
        The number of started jobs that have not finished.
    """
    jobs = [_job_row(sweep_dir, path.parent.parent) for path in sweep_dir.rglob(str(OVERRIDES))]
    jobs.sort(key=lambda row: (len(row["job"]), row["job"]))
    metrics = list(dict.fromkeys(name for row in jobs for name in row["metrics"]))
    overrides = list(dict.fromkeys(name for row in jobs for name in row["overrides"]))
    columns = ["job", *overrides, *metrics, *STATUS_COLUMNS]
    rows = [row | row["overrides"] | row["metrics"] for row in jobs]

    varied = [name for name in overrides if len({row["overrides"].get(name) for row in jobs}) > 1]
    headline = {"alarm/collapsed"}.union(*(row["headline"] for row in jobs))  # summary.csv has all metrics
    shown = [name for name in metrics if name.startswith("loss/") or name in headline]
    print("\n" + markdown(["job", *varied, *shown, *STATUS_COLUMNS], rows))
    groups = _over_seeds(jobs, shown)
    if groups:
        print(
            "\nmean ± sd over seeds\n\n"
            + markdown([*(name for name in varied if name != "seed"), "seeds", *shown], groups)
        )
    path = sweep_dir / "summary.csv"
    with os_errors_as_user_errors(f"hydra.sweep.dir={sweep_dir}"):
        write_csv(path, columns, rows)
    print(f"\n{path}")
    for row in jobs:
        if row["error"]:
            print(f"job {row['job']} failed: {row['error']}")
    for job_names in _jobs_by_changed_data(jobs):
        print(f"the data changed between jobs, so that their metrics cannot be compared: {job_names}")
    unfinished = sum(row["status"] != "finished" for row in jobs)
    if unfinished:
        print(f"{unfinished} of the {len(jobs)} started jobs have not finished; to continue: {resume_command}")
    return unfinished


def _job_row(sweep_dir: Path, folder: Path) -> Row:
    """Return a job's overrides, metrics and status; the status is "lost" if it was killed before it wrote one."""
    overrides = [override.lstrip("+").partition("=") for override in stored_overrides(folder)]
    manifest, metrics = (read_json(folder / name) for name in (MANIFEST, METRICS))
    return {
        "job": str(folder.relative_to(sweep_dir)),
        "overrides": {key: unquoted(value) for key, _, value in overrides},
        "metrics": metrics,
        "headline": _headline(manifest.get("config") or {}, metrics),
        "data": (_data_settings(manifest), (manifest.get("data") or {}).get("sha256")),
        "status": manifest.get("status", "lost"),
        "duration_seconds": manifest.get("duration_seconds", math.nan),
        "error": manifest.get("error"),
    }


def _data_settings(manifest: dict[str, Any]) -> str:
    """Return the settings of a job's data as text, without the seed of their order."""
    node = (manifest.get("config") or {}).get("data") or {}
    return json.dumps({key: value for key, value in node.items() if key != "seed"}, sort_keys=True)


def _jobs_by_changed_data(jobs: Sequence[Row]) -> list[str]:
    """Return a text for jobs that had different examples although the settings of their data are equal."""
    found: dict[str, dict[str, list[str]]] = {}
    for job in jobs:
        settings, digest = job["data"]
        if digest:
            found.setdefault(settings, {}).setdefault(digest, []).append(job["job"])
    return [
        "; ".join(f"{', '.join(names)} had {digest[:8]}" for digest, names in sets.items())
        for sets in found.values()
        if len(sets) > 1
    ]


def _headline(config: dict[str, Any], metrics: dict[str, float]) -> set[str]:
    """Return the evaluation's headline metrics; all of its metrics if the evaluator cannot be built."""
    node = config.get("data", {}).get("evaluator") or {}
    try:
        check_trusted(node, "data.evaluator", [])  # only trusted code may be imported
        evaluator = instantiate(node, "data.evaluator")
    except UserError:
        evaluator = None
    if isinstance(evaluator, Evaluator):
        return {f"evaluation/{name}" for name in evaluator.headline()}
    return {name for name in metrics if name.startswith("evaluation/")}


def _over_seeds(jobs: Sequence[Row], metrics: Sequence[str]) -> list[Row]:
    """Return mean ± sample standard deviation of the finished jobs that differ only in their seed."""
    groups: dict[tuple[tuple[str, str], ...], list[Row]] = {}
    for job in jobs:
        if job["status"] == "finished":
            key = tuple((name, value) for name, value in job["overrides"].items() if name != "seed")
            groups.setdefault(key, []).append(job["metrics"])
    rows = []
    for key, members in groups.items():
        if len(members) > 1:
            row: Row = dict(key) | {"seeds": len(members)}
            for name in metrics:
                values = [member[name] for member in members if name in member]
                if len(values) > 1:
                    row[name] = mean_and_deviation(values, 4)
            rows.append(row)
    return rows
