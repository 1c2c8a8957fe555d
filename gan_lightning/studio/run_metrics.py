"""Metrics of a run's samples, with their floors and baselines, from the files of the run."""

from collections.abc import Mapping
from typing import Any

from gan_lightning.studio.run_files import EVALUATION, RunFiles, metric_rows
from gan_lightning.studio.untrusted import clip, number, object_in

MAX_METRICS = 200
PREFIX = f"{EVALUATION}/"


def describe_metrics(
    files: RunFiles, logged: Mapping[str, float | None] | None = None, table: str = ""
) -> list[dict[str, Any]]:
    """Return the metrics of samples: name, meaning, value, floor, baselines, and whether it is a headline metric.

    Values come from metrics.json, but from the log while the run trains, and otherwise from ``gan-evaluate``.
    Floors and meanings come from the manifest, the model card, ``gan-evaluate``, and the table in the log.

    Args:
        files: files of the run.
        logged: last value of each scalar of the log, by its tag.
        table: text of the last evaluation in the log: a Markdown table.
    """
    rows = metric_rows(table)
    in_log, at_end = _with_prefix(logged or {}), _with_prefix(files.metrics)
    values = evaluated(files) | (at_end | in_log if files.manifest["status"] == "running" else in_log | at_end)
    floors = {name: number(_parse(cells[-1])) for name, cells, _ in rows} | _floors(files)
    meanings = {name: meaning for name, _, meaning in rows} | (files.card.meanings if files.card else {})
    baselines = _baselines(files)
    first = files.card.headline if files.card else []
    names = [*dict.fromkeys([*meanings, *sorted(values)])][:MAX_METRICS]
    return [
        {
            "name": clip(name, 100),
            "meaning": meanings.get(name, ""),
            "value": values[name],
            "real": floors.get(name),
            "baselines": {clip(one, 100): row[name] for one, row in baselines.items() if name in row},
            "headline": name in first,
        }
        for name in names
        if name in values
    ]


def headline(files: RunFiles) -> dict[str, Any] | None:
    """Return name, value and floor of the most important metric that has a value; None without one."""
    values = evaluated(files) | _with_prefix(files.metrics)
    names = [*(files.card.headline if files.card else []), *values]
    name = next((one for one in names if one in values), None)
    return {"name": clip(name, 100), "value": values[name], "real": _floors(files).get(name)} if name else None


def pick_baseline(files: RunFiles, metric: str) -> dict[str, Any] | None:
    """Return name and value of the first simple generator that ``gan-evaluate`` compared with; None without one."""
    found = ((name, row[metric]) for name, row in _baselines(files).items() if metric in row)
    name, value = next(found, (None, None))
    return {"name": clip(name, 100), "value": value} if name is not None else None


def evaluated(files: RunFiles) -> dict[str, float]:
    """Return the means over seeds that ``gan-evaluate`` found for the first generator: the averaged one."""
    generators = files.evaluation.get("generators")
    first: Any = next(iter(generators.values()), {}) if isinstance(generators, dict) else {}
    means = {name: one.get("mean") for name, one in object_in(first).items() if isinstance(one, dict)}
    return _numbers(means)


def _with_prefix(metrics: Mapping[str, Any]) -> dict[str, float]:
    return _numbers({name.removeprefix(PREFIX): one for name, one in metrics.items() if name.startswith(PREFIX)})


def _floors(files: RunFiles) -> dict[str, float]:
    recorded = object_in(files.manifest, "evaluation", "floor")
    return _numbers(object_in(files.evaluation, "floor")) | _numbers(recorded)


def _baselines(files: RunFiles) -> dict[str, dict[str, float]]:
    rows = object_in(files.evaluation, "baselines")
    return {name: _numbers(object_in(row)) for name, row in rows.items()}


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: found for name, one in values.items() if (found := number(one)) is not None}


def _parse(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
