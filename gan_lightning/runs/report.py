"""Writes the report of an evaluation: one HTML file without scripts that needs no network, for readers of any trade."""

import base64
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gan_lightning import __version__
from gan_lightning.errors import listed, printable
from gan_lightning.files import write_text_file
from gan_lightning.metrics.evaluator import Evaluator
from gan_lightning.metrics.metric import Metric, Metrics
from gan_lightning.modalities.sheets import SUFFIX
from gan_lightning.paths import STATEMENT_SUFFIX

GENERATORS = {
    "ema": "the averaged generator (ema)",
    "raw": "the generator as trained (raw)",
    "pretrained": "the generator before adversarial training (pretrained)",
}
SPLITS = {"test": "the held-out test split", "train": "the training data, which have no test split"}
REAL = "real data"  # title of a column; a comparison with the truth has none, as the truth has no distance to itself
BETTER = {"higher": "↑ higher", "lower": "↓ lower", "as real": "≈ as real", None: "–"}
SAMPLES = {  # entries of metrics.json with their titles
    "samples": "Files",
    "checkpoint": "Checkpoint",
    "sha256": "SHA-256 of the checkpoint",
    "iteration": "Iteration",
    "seeds": "Seeds",
}
REAL_DATA = {
    "name": "Source",
    "n": "Examples compared with",
    "seed": "Seed of their choice",
    "examples": "Training examples",
    "sha256": "SHA-256 of the training examples",
}
NO_GUARANTEE = """\
Differential privacy: none is recorded for these samples, so nothing is proven: an attack that was not tried may \
succeed. Only differential privacy bounds what any attack can find."""
GUARANTEE = """\
Differential privacy: the samples are (ε = {epsilon:.4g}, δ = {delta:.4g})-private, for {neighbors}. Whatever attack \
anybody tries, they change the odds that an example was trained on by a factor of at most {factor:.3g}, but for a \
probability of δ. This does not cover this report, which was computed from the real data."""


@dataclass(frozen=True)
class Checks:
    """Result of the checks of the samples of one generator.

    Attributes:
        generator: description of the generator.
        findings: the faults that were found.
        checked: the metrics that were checked, with the values of the samples and of real data.
    """

    generator: str
    findings: list[str]
    checked: list[tuple[Metric, str, str]]


class Cell(NamedTuple):
    """Value of a metric as text, with its spread over the seeds."""

    value: str
    spread: str = ""


@dataclass(frozen=True)
class Group:
    """Table of the metrics of one group.

    Attributes:
        name: name of the group.
        rows: each metric with its values in the order of the columns.
    """

    name: str
    rows: list[tuple[Metric, list[Cell]]]


def write_report(
    path: Path,
    name: str,
    content: Mapping[str, Any],
    evaluator: Evaluator,
    sheets: Mapping[str, np.ndarray],
    command: str,
) -> None:
    """Write the report of an evaluation.

    Args:
        path: the file to write, in the folder of the PNG files of the sheets.
        name: name of what was evaluated.
        content: content of metrics.json.
        evaluator: the evaluator that computed the metrics.
        sheets: sheets and plots by name, as images (H, W, 3).
        command: command line that repeats the evaluation.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: printable(value) if type(value) is str else value,  # names may hold any character
        trim_blocks=True,
        lstrip_blocks=True,
    )
    generators = content["generators"]
    means = {weights: {name: one["mean"] for name, one in values.items()} for weights, values in generators.items()}
    text = environment.get_template("report.html").render(
        name=name,
        comparison=_comparison(content),
        source=", ".join(one for one in content["source"].values() if one),
        several_seeds=len(content.get("seeds", [])) > 1,
        all_checks=[_checks(weights, values, content, evaluator) for weights, values in means.items()],
        remarks=_remarks(next(iter(means.values())), content, evaluator),
        columns=_columns(content),
        groups=_groups(content, evaluator),
        better=BETTER,
        baselines=[(one, evaluator.captions.get(one, "")) for one in content["baselines"]],
        pictures=[
            {
                "name": one,
                "caption": evaluator.captions.get(one, ""),
                "data": base64.b64encode(path.with_name(f"{one}{SUFFIX}").read_bytes()).decode(),
                "width": sheet.shape[1],
                "height": sheet.shape[0],
            }
            for one, sheet in sheets.items()
        ],
        facts=dict(_facts(content)),
        command=command,
        file=path.name,
        statement=f"{path.name}{STATEMENT_SUFFIX}",
        version=__version__,
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    write_text_file(path, text)


def _comparison(content: Mapping[str, Any]) -> str:
    """Return a sentence that says what was compared with what."""
    seeds, n = content.get("seeds"), content["n"]
    samples = f"{n:,} samples"
    if seeds:
        samples += f" (seed {seeds[0]})" if len(seeds) == 1 else f" for each of {len(seeds)} seeds"
        samples += f" from {' and from '.join(GENERATORS[one] for one in content['generators'])}"
    return f"{samples}, compared with {n:,} real examples of {SPLITS[content['reference']['split']]}."


def _checks(weights: str, means: Metrics, content: Mapping[str, Any], evaluator: Evaluator) -> Checks:
    checked = [
        (metric, _number(means[metric.name]), _number(content["floor"].get(metric.name, "–")))
        for metric in evaluator.checked(means)
    ]
    return Checks(GENERATORS[weights], content["findings"][weights], checked)


def _remarks(means: Metrics, content: Mapping[str, Any], evaluator: Evaluator) -> dict[str, list[str]]:
    """Return the evaluator's remarks on the samples of the first generator, and what is proven about their privacy."""
    remarks, privacy = evaluator.remarks(means), content.get("privacy")
    guarantee = NO_GUARANTEE
    if privacy is not None:
        factor = math.exp(min(privacy["epsilon"], 700))  # a larger one is no float
        guarantee = GUARANTEE.format_map(privacy | {"factor": factor})
    return remarks | {"privacy": [guarantee, *remarks.get("privacy", [])]}


def _columns(content: Mapping[str, Any]) -> list[str]:
    """Return the titles of the columns of values: samples, real data, baselines."""
    generators = list(content["generators"])
    samples = ["samples"] if len(generators) == 1 else [f"samples ({one})" for one in generators]
    return [*samples, *([REAL] if content["floor"] else []), *content["baselines"]]


def _groups(content: Mapping[str, Any], evaluator: Evaluator) -> list[Group]:
    """Return the metrics that were computed, by their groups."""
    generators = content["generators"].values()
    others = [*([content["floor"]] if content["floor"] else []), *content["baselines"].values()]
    groups: dict[str, Group] = {}
    for metric in evaluator.metrics:
        if any(metric.name in values for values in generators):
            cells = [_with_spread(values.get(metric.name)) for values in generators]
            cells += [Cell(_number(values.get(metric.name, "–"))) for values in others]
            groups.setdefault(metric.group, Group(metric.group, [])).rows.append((metric, cells))
    return list(groups.values())


def _facts(content: Mapping[str, Any]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield the title and the rows of each list of facts, which make the evaluation repeatable."""
    yield "Samples", _rows({key: content[key] for key in SAMPLES if key in content}, SAMPLES)
    source = {key: value or "not stated" for key, value in content["source"].items()}
    yield "Real data", _rows(source | content["reference"], REAL_DATA)
    yield "Evaluator", _rows(content["extractor"], {"sha256": "SHA-256"})
    if content.get("privacy") is not None:
        yield "Differential privacy", _rows(content["privacy"], {"epsilon": "ε", "delta": "δ"})
    git, versions = content["git"], content["versions"]
    revision = f"{git['revision']}{', changed since' if git['dirty'] else ''}" if git else "not recorded"
    packages = [f"{name} {version}" for name, version in versions.items() if name != "python"]
    software = {"Code revision": revision, "Python": versions["python"], "Packages": packages}
    yield "Software", _rows(software | {"Threads": content["threads"]}, {})


def _rows(entries: Mapping[str, Any], titles: Mapping[str, str]) -> list[tuple[str, str]]:
    return [
        (titles.get(key, f"{key[:1].upper()}{key[1:]}").replace("_", " "), _text(one)) for key, one in entries.items()
    ]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return listed([_text(one) for one in value], 50)
    if isinstance(value, dict):
        return f"({', '.join(f'{key} {_text(one)}' for key, one in value.items())})"
    return f"{value:,}" if isinstance(value, int) else _number(value)


def _with_spread(statistics: Mapping[str, Any] | None) -> Cell:
    """Return the mean of a metric, with the standard deviation over the seeds if there are several."""
    if statistics is None:
        return Cell("–")
    mean, sd = statistics["mean"], statistics["sd"]
    return Cell(_number(mean), "" if sd is None else f"± {sd:.2g}")


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else str(value)
