"""The table at the end of a sweep, read from the folders of its jobs."""

import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gan_lightning.config.grammar import unquoted
from gan_lightning.config.signature import load_target
from gan_lightning.config.trust import check_trusted
from gan_lightning.errors import UserError, os_errors_as_user_errors
from gan_lightning.files import read_json, write_csv
from gan_lightning.metrics.evaluator import Evaluator
from gan_lightning.paths import MANIFEST, METRICS, OVERRIDES
from gan_lightning.runs.folders import stored_overrides
from gan_lightning.tables import markdown

Row = dict[str, Any]
STATE = ("status", "duration_seconds")


def summarize(sweep_dir: Path, go_on: str) -> int:
    """Write ``summary.csv``, print it as Markdown with mean ± sd over seeds, and return how many jobs failed.

    Args:
        sweep_dir: the folder of the sweep.
        go_on: the command that goes on with it.
    """
    jobs = [_job(sweep_dir, path.parent.parent) for path in sweep_dir.rglob(str(OVERRIDES))]
    jobs.sort(key=lambda row: (len(row["job"]), row["job"]))
    metrics = list(dict.fromkeys(name for row in jobs for name in row["metrics"]))
    overrides = list(dict.fromkeys(name for row in jobs for name in row["overrides"]))
    columns = ["job", *overrides, *metrics, *STATE]
    rows = [row | row["overrides"] | row["metrics"] for row in jobs]

    varied = [name for name in overrides if len({row["overrides"].get(name) for row in jobs}) > 1]
    on_screen = {"alarm/collapsed"}.union(*(row["headline"] for row in jobs))  # summary.csv has all
    shown = [name for name in metrics if name.startswith("loss/") or name in on_screen]
    print("\n" + markdown(["job", *varied, *shown, *STATE], rows))
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
    for jobs_of_one in _with_changed_data(jobs):
        print(f"the data have changed between jobs, whose figures cannot be compared: {jobs_of_one}")
    unfinished = sum(row["status"] != "finished" for row in jobs)
    if unfinished:
        print(f"{unfinished} of the {len(jobs)} jobs that have begun have not finished: to go on, {go_on}")
    return unfinished


def _job(sweep_dir: Path, folder: Path) -> Row:
    """One job: its overrides, final metrics, duration, status; 'lost' where it was killed before it could say."""
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
    """Return what a job's config says of its data, but for the seed of their order, as text."""
    node = (manifest.get("config") or {}).get("data") or {}
    return json.dumps({key: value for key, value in node.items() if key != "seed"}, sort_keys=True)


def _with_changed_data(jobs: Sequence[Row]) -> list[str]:
    """Return, for each setting of the data that has stood for several sets of examples, which jobs had which."""
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
    """Return the evaluation's metrics to show: what the evaluator marks as headline, or all where it is not known."""
    node = {"_target_": None} | (config.get("data", {}).get("evaluator") or {})
    try:
        check_trusted({"_target_": node["_target_"]}, "data.evaluator", [])  # before it is imported
        evaluator = load_target(node["_target_"], "data.evaluator")
    except UserError:
        evaluator = None
    if isinstance(evaluator, type) and issubclass(evaluator, Evaluator):
        return {f"evaluation/{name}" for name in evaluator.headline()}
    return {name for name in metrics if name.startswith("evaluation/")}


def _over_seeds(jobs: Sequence[Row], metrics: Sequence[str]) -> list[Row]:
    """Mean ± sample standard deviation of finished jobs that differ in nothing but the seed."""
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
                    row[name] = f"{statistics.mean(values):.4g} ± {statistics.stdev(values):.2g}"
            rows.append(row)
    return rows
