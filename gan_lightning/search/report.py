"""Writes the results of a search: a table, plots, sheets of samples, and the best trial as an experiment."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from matplotlib.figure import Figure
from omegaconf import OmegaConf
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from gan_lightning.errors import NotWritten, explain_os_error
from gan_lightning.files import write_atomically, write_csv
from gan_lightning.modalities.sheets import SUFFIX, read_sheet
from gan_lightning.paths import CONF_DIR
from gan_lightning.search.space import format_override
from gan_lightning.tables import markdown

ROWS_ON_SCREEN = 20  # trials.csv has all rows
TRIALS_WITH_SAMPLES = 3  # number of best trials in best.png


def write_report(study: Study, folder: Path, overrides: Sequence[str]) -> str:
    """Write trials.csv, history.png, best.png and best.yaml, and return the text for the screen.

    Raises:
        NotWritten: if a file cannot be written; holds the table for the screen.
    """
    trials = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
    trials.sort(key=lambda trial: (trial.state != TrialState.COMPLETE, trial.value or 0))
    rows = [_row(trial) for trial in trials]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = markdown(columns, rows[:ROWS_ON_SCREEN])
    try:
        write_csv(folder / "trials.csv", columns, rows)
        written = _write_best([trial for trial in trials if trial.state == TrialState.COMPLETE], folder, overrides)
    except OSError as error:
        raise NotWritten(f"folder={folder}: {explain_os_error(error)}", table) from error
    return "\n".join([f"{table}\n", str(folder / "trials.csv"), *written])


def _write_best(complete: Sequence[FrozenTrial], folder: Path, overrides: Sequence[str]) -> list[str]:
    """Write plots, samples and the best trial as an experiment; return a line about each file."""
    if not complete:
        return ["no trial has finished"]
    _draw_history(complete, folder / "history.png")
    _draw_samples(complete[:TRIALS_WITH_SAMPLES], folder / "best.png")
    best = complete[0]
    chosen = [*overrides, *(format_override(key, value) for key, value in best.params.items())]
    text = f"# @package _global_\n# Trial {best.number}, {best.value:.4g}.\n"
    with write_atomically(folder / "best.yaml") as unfinished:
        unfinished.write_text(text + OmegaConf.to_yaml(OmegaConf.create(experiment(chosen))), encoding="utf-8")
    written = [path for name in ("history.png", "best.png") if (path := folder / name).exists()]
    return [*map(str, written), f"{folder / 'best.yaml'}: for conf/experiment/"]


def experiment(overrides: Sequence[str]) -> dict[str, Any]:
    """Return the content of a file for conf/experiment/ that has the effect of the overrides."""
    defaults: list[Any] = []
    content: dict[str, Any] = {}
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        key, value = override.key_or_group, override.value()
        if key == "experiment":
            defaults.insert(0, value)
        elif (CONF_DIR / key).is_dir():
            defaults.append({f"override /{key}": value})
        else:
            *parents, last = key.split(".")
            node = content
            for parent in parents:
                node = node.setdefault(parent, {})
            node[last] = value
    return {"defaults": [*defaults, "_self_"]} | content


def _row(trial: FrozenTrial) -> dict[str, Any]:
    seconds = trial.duration.total_seconds() if trial.duration else None
    return {
        "trial": trial.number,
        **trial.params,
        "value": "" if trial.value is None else trial.value,
        "status": trial.state.name.lower(),
        "seconds": "" if seconds is None else round(seconds, 1),
        "folder": trial.user_attrs.get("folder", ""),
        "why": trial.user_attrs.get("why", ""),
    }


def _draw_history(trials: Sequence[FrozenTrial], path: Path) -> None:
    """Plot the objective over the number of the trial, and over each numeric parameter."""
    numbers = [key for key, value in trials[0].params.items() if isinstance(value, int | float)]
    figure = Figure((4 * (len(numbers) + 1), 3.5), layout="constrained")
    axes = figure.subplots(1, len(numbers) + 1, squeeze=False, sharey=True)[0]
    by_number = sorted(trials, key=lambda trial: trial.number)
    values = [trial.value for trial in by_number]
    axes[0].plot([trial.number for trial in by_number], values, "o", ms=4)
    axes[0].set(xlabel="trial", ylabel="objective")
    axes[0].xaxis.get_major_locator().set_params(integer=True)
    for ax, key in zip(axes[1:], numbers, strict=True):
        ax.plot([trial.params[key] for trial in by_number], values, "o", ms=4)
        ax.set(xlabel=key, xscale="log" if getattr(trials[0].distributions[key], "log", False) else "linear")
    figure.savefig(path, dpi=100)


def _draw_samples(trials: Sequence[FrozenTrial], path: Path) -> None:
    """Draw the last sheet of samples of each trial side by side; write no file if no run has one."""
    sheets = [(trial, sorted(Path(trial.user_attrs["folder"]).glob(f"*/samples/*{SUFFIX}"))) for trial in trials]
    last_sheets = [(trial, paths[-1]) for trial, paths in sheets if paths]
    if not last_sheets:
        return
    figure = Figure((4 * len(last_sheets), 4.3), layout="constrained")
    axes = figure.subplots(1, len(last_sheets), squeeze=False)[0]
    for ax, (trial, sheet) in zip(axes, last_sheets, strict=True):
        ax.imshow(read_sheet(sheet))
        ax.set_title(f"trial {trial.number}: {trial.value:.4g}")
        ax.axis("off")
    figure.savefig(path, dpi=150)
