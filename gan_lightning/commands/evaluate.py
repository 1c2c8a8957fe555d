"""Compares samples of checkpoints, or samples of any origin, with real data."""

from __future__ import annotations

import inspect
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from gan_lightning.commands.sample_sources import CheckpointSource, Source, Values, checkpoint_sources, file_source
from gan_lightning.commands.session import Session
from gan_lightning.config.effects import example_settings
from gan_lightning.config.settings import EvaluateSettings
from gan_lightning.config.validation import instantiate
from gan_lightning.data.datamodule import Data
from gan_lightning.errors import NotWritten, UserError, explain_os_error
from gan_lightning.files import make_folder, read_json, write_json
from gan_lightning.metrics.evaluator import Evaluator, evaluator_of
from gan_lightning.metrics.metric import Metrics
from gan_lightning.modalities.samples import Content, size
from gan_lightning.modalities.sheets import SUFFIX, write_sheet
from gan_lightning.paths import METRICS, REPORT, STATEMENT_SUFFIX
from gan_lightning.provenance import load_signer
from gan_lightning.runs.checkpoints import Trained, load
from gan_lightning.runs.manifest import environment
from gan_lightning.runs.report import write_report
from gan_lightning.tables import markdown, mean_and_deviation

if TYPE_CHECKING:  # needs an extra
    from gan_lightning.provenance.identity import Identity

EXAMPLES = {
    "data": "data=image_folder data.root=…",
    "features": "features=classifier features.path=…",
}


def evaluate(settings: EvaluateSettings) -> str:
    """Run the evaluation that ``conf/evaluate.yaml`` describes, and return its summary for the screen."""
    if (settings.checkpoint is None) == (settings.samples is None):
        raise UserError("set checkpoint=…, a run's folder or a .ckpt file, or samples=…, but not both")
    for key, node in (("data", settings.data), ("features", settings.features)):
        _check_option_chosen(key, node)
    if len(set(settings.seeds)) < len(settings.seeds):
        raise UserError(f"seeds={list(settings.seeds)}: must differ: equal samples say nothing about the spread")
    if settings.sign and settings.checkpoint is None:
        raise UserError("sign=true: signs evaluations of checkpoints, and samples=… may be of any origin: leave it out")
    identity = load_signer("sign=true") if settings.sign else None
    trained = (
        []
        if settings.checkpoint is None
        else [load(str(path), settings.trust_code) for path in _checkpoint_files(settings.checkpoint)]
    )
    data = _reference_data(settings, trained)
    evaluator = evaluator_of(data)
    data.prepare_data()
    data.setup("test")
    if settings.data is None:
        _check_unchanged(data, trained)
    samples = None if trained else _read_samples(settings, data)
    available = settings.n or evaluator.n if samples is None else size(samples)
    evaluator.prepare(data, min(settings.n or available, available), seed=settings.seed)

    sources = (
        [file_source(settings, samples)] if samples is not None else checkpoint_sources(settings, trained, evaluator)
    )
    rows: dict[str, Values] = {}
    write_error = None
    for source in sources:
        values = source.evaluate(evaluator)
        try:
            content = _write_results(source, evaluator, settings.seed, values)
            if identity is not None:
                _sign(identity, source, content, evaluator)
        except OSError as error:
            write_error = f"output={source.folder}: {explain_os_error(error)}"
        rows |= {f"{source.name} ({name})" if len(values) > 1 else source.name: v for name, v in values.items()}
    summary = _summary(sources, evaluator, rows)
    if write_error is not None:
        raise NotWritten(write_error, summary)
    return summary


def _check_option_chosen(key: str, node: Mapping[str, Any] | None) -> None:
    """Raise UserError if keys below ``key`` are set but no option is chosen, as with ``+data.root=…`` alone."""
    if node is not None and "_target_" not in node:
        given = next((f"{key}.{name}={value}" for name, value in node.items()), f"{key}={node}")
        raise UserError(f"{given}: choose an option with {key}=… too, as in {EXAMPLES[key]}; --help lists the options")


def _checkpoint_files(checkpoint: str | Sequence[str]) -> list[Path]:
    """Return the paths in ``checkpoint``, with a folder of .ckpt files replaced by these files."""
    names = [checkpoint] if isinstance(checkpoint, str) else checkpoint
    return [path for name in map(Path, names) for path in sorted(name.glob("*.ckpt")) or [name]]


def _reference_data(settings: EvaluateSettings, trained: list[Trained]) -> Data:
    """Return the real data to compare with: those that ``data`` describes, else those of the checkpoints."""
    if settings.data is None and not trained:
        raise UserError(
            f"samples={settings.samples}: data=… is needed: the real data to compare with, as in data=mnist"
        )
    if settings.data is None:
        first, *others = (example_settings(one.config["data"]) for one in trained)
        if any(other != first for other in others):
            raise UserError(
                f"checkpoint={settings.checkpoint}: trained on different data: choose what to compare with by data=…"
            )
    data = trained[0].data if settings.data is None else instantiate(settings.data, "data")
    for one in trained:
        found, expected = one.data.modality.sample_shape, data.modality.sample_shape
        if type(one.data.modality) is not type(data.modality) or found != expected:
            raise UserError(
                f"checkpoint={one.path}: generates {_sample_kind(one.data)}, the data have {_sample_kind(data)}: "
                "choose the data that it was trained on"
            )
    if settings.features is not None:
        node = settings.data or trained[0].config["data"]
        data.evaluator = _with_features(evaluator_of(data), node["evaluator"], settings.features)
    return data


def _check_unchanged(data: Data, trained: list[Trained]) -> None:
    """Raise UserError if the data have changed since a checkpoint was trained on them."""
    now = data.describe()["sha256"]
    for one in trained:
        if one.trained_on and one.trained_on[-1].get("sha256") != now:
            raise UserError(
                f"checkpoint={one.path}: the data have changed since it was trained: "
                "restore them, or choose other data with data=…"
            )


def _sample_kind(data: Data) -> str:
    shape = data.modality.sample_shape
    return f"{type(data.modality).__name__} {shape if isinstance(shape, dict) else list(shape)}"


def _with_features(evaluator: Evaluator, node: Mapping[str, Any], features: Mapping[str, Any]) -> Any:
    """Return an evaluator like ``evaluator``, which ``node`` describes, but with other features."""
    if "features" not in inspect.signature(type(evaluator)).parameters:
        raise UserError(f"features={features['_target_']}: {type(evaluator).__name__} has no features to choose")
    return instantiate({**node, "features": features}, "data.evaluator")


def _read_samples(settings: EvaluateSettings, data: Data) -> Content:
    """Return the content of the sample files, without the sheets that earlier evaluations wrote among them."""
    path = Path(str(settings.samples))
    if settings.output is not None and path.is_dir() and path.resolve() == Path(settings.output).resolve():
        raise UserError(f"output={settings.output}: is the folder of the samples: choose another one, or leave it out")
    try:
        return data.modality.read(path, [found.parent for found in path.rglob(METRICS) if _is_evaluation(found)])
    except UserError as error:
        raise UserError(f"samples={settings.samples}: {str(error).removeprefix(f'{settings.samples}: ')}") from error


def _is_evaluation(metrics: Path) -> bool:
    """Return True if an evaluation wrote this metrics.json."""
    return {"reference", "generators", "floor"} <= read_json(metrics).keys()


def _write_results(source: Source, evaluator: Evaluator, seed: int, values: dict[str, Values]) -> dict[str, Any]:
    """Write metrics.json, sheets of the first generator's samples, and the report; return the content of metrics.json.

    Args:
        source: the source of the samples.
        evaluator: the evaluator that computed the values.
        seed: the seed of the choice of real examples.
        values: values of each metric, by the weights of the generator.
    """
    reference, versions = evaluator.reference, environment()
    content = source.facts | {
        "n": reference.n,
        "extractor": evaluator.describe(),
        "reference": {"split": reference.split, "n": reference.n, "seed": seed} | reference.data.describe(),
        "source": {"name": reference.data.source, "licence": reference.data.licence},
        "versions": {"python": versions["python"]} | versions["packages"],
        "git": versions["git"],
        "threads": torch.get_num_threads(),
        "generators": {
            weights: {name: _statistics(over_seeds) for name, over_seeds in metrics.items()}
            for weights, metrics in values.items()
        },
        "floor": evaluator.real_baseline(),
        "baselines": evaluator.baseline_metrics(),
        "findings": {weights: list(map(str, evaluator.findings(_means(one)))) for weights, one in values.items()},
    }
    sheets = evaluator.pictures(*source.content(evaluator, reference.n, source.seeds[0], source.weights[0]))
    make_folder(source.folder)
    write_json(source.folder / METRICS, content)
    for name, sheet in sheets.items():
        write_sheet(source.folder / f"{name}{SUFFIX}", sheet)
    report = source.folder / REPORT
    report.with_name(f"{REPORT}{STATEMENT_SUFFIX}").unlink(missing_ok=True)  # it is about an earlier report
    write_report(report, source.name, content, evaluator, sheets, Session.current().typed_command())
    return content


def _sign(identity: Identity, source: Source, content: dict[str, Any], evaluator: Evaluator) -> None:
    """Write a signed statement about the report and metrics.json."""
    from gan_lightning.provenance.statements import attest_evaluation

    assert isinstance(source, CheckpointSource)
    attest_evaluation(identity, source.trained, source.folder, content, evaluator.headline())


def _means(values: Values) -> Metrics:
    """Return the mean of each metric over the seeds."""
    return {metric: statistics.mean(over_seeds) for metric, over_seeds in values.items()}


def _statistics(values: list[float]) -> dict[str, Any]:
    """Return the mean, the sample standard deviation and the values over the seeds."""
    sd = statistics.stdev(values) if len(values) > 1 else None
    return {"mean": statistics.mean(values), "sd": sd, "values": values}


def _summary(sources: Sequence[Source], evaluator: Evaluator, rows: dict[str, Values]) -> str:
    """Return the table of the metrics, the findings, and the path of the report of each source."""
    reference = evaluator.reference
    comparison = (
        f"{reference.n:,} samples × {len(sources[0].seeds)} against {reference.n:,} real examples ({reference.split}), "
        f"by {evaluator.describe()['name']}"
    )
    cells = {
        name: {metric: mean_and_deviation(over_seeds, 4) for metric, over_seeds in values.items()}
        for name, values in rows.items()
    }
    columns: dict[str, Mapping[str, Any]] = {**cells, **evaluator.baseline_metrics()}
    table = evaluator.table(columns) if len(sources) == 1 else _headline_table(evaluator, cells)
    findings = [_findings(name, values, evaluator) for name, values in rows.items()]
    reports = [f"{source.name}: {source.folder / REPORT}" for source in sources]
    return "\n".join([comparison, "", table, "", *findings, "", *reports])


def _headline_table(evaluator: Evaluator, cells: dict[str, dict[str, str]]) -> str:
    """Return a table of the headline metrics, with a row for each set of samples."""
    columns = [name for name in evaluator.headline() if any(name in row for row in cells.values())]
    rows: list[dict[str, Any]] = [{"": name} | row for name, row in cells.items()]
    others = evaluator.baseline_metrics() | {"real data": evaluator.real_baseline()}
    return markdown(["", *columns], [*rows, *({"": name} | values for name, values in others.items())])


def _findings(name: str, values: Values, evaluator: Evaluator) -> str:
    found = evaluator.findings(_means(values))
    return "\n  ".join([f"{name}:", *(found or ["nothing found wrong"])])


if __name__ == "__main__":
    from gan_lightning.commands import cli

    cli.evaluate()
