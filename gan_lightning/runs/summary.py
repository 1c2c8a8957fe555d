"""Formats the lines that a run prints when it starts and when it ends."""

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import lightning.pytorch as L

from gan_lightning.algorithms.model import GenerativeModel
from gan_lightning.algorithms.privacy import DifferentialPrivacy
from gan_lightning.data.datamodule import Data
from gan_lightning.modalities.samples import Shape
from gan_lightning.paths import LAST_CHECKPOINT, METRICS, path_override, relative_to_cwd

SHOWN = ("loss/", "probability/", "gradient_norm/")  # prefixes of the metrics in the summary


def start_summary(model: GenerativeModel, data: Data, trainer: L.Trainer, run_dir: Path) -> str:
    """Return a line that names the model, its data, the device and the folder of the run."""
    networks = ", ".join(f"{name} {n / 1e6:.2f} M" for name, n in parameter_counts(model).items()) or "no"
    device = trainer.strategy.root_device
    devices = str(device) if trainer.world_size == 1 else f"{trainer.world_size} × {device.type}"
    return (
        f"{type(model).__name__}: {networks} parameters; {_examples(data)}; on {devices}; in {relative_to_cwd(run_dir)}"
    )


def end_summary(
    metrics: Mapping[str, float],
    reports: Sequence[str],
    seconds: float,
    run_dir: Path,
    stopped_by: signal.Signals | None,
    command: str,
    logs: Sequence[tuple[str, object]],
) -> str:
    """Return the lines that say how far a run got, with which metrics, and where its results are.

    Args:
        metrics: the final metrics.
        reports: the lines that callbacks report.
        seconds: the duration of all parts of the run.
        run_dir: the folder of the run.
        stopped_by: the signal that stopped the run; None for a run that has finished.
        command: the command line of the run, without its overrides.
        logs: the name and the value of each row about the logs.
    """
    minutes, seconds = divmod(round(seconds), 60)
    end = f"stopped by {stopped_by.name}" if stopped_by else "finished"
    done = f"{metrics['epoch']:.4g} epochs, {metrics['iteration']:,} iterations"
    shown = "   ".join(f"{name} {value:.4g}" for name, value in metrics.items() if name.startswith(SHOWN))
    rows = {
        "samples": run_dir / "samples",
        "metrics": run_dir / METRICS,
        "checkpoint": run_dir / LAST_CHECKPOINT,
    }
    return "\n".join(
        [
            f"{end} after {done}, {minutes} min {seconds} s",
            f"  {shown}",
            *(f"  {line}" for line in reports),
            *(summary_row(name, relative_to_cwd(path)) for name, path in rows.items() if path.exists()),
            *(summary_row(name, value) for name, value in logs),
            *([summary_row("resume", f"{command} {path_override('resume', run_dir)}")] if stopped_by else []),
        ]
    )


def summary_row(name: str, value: object) -> str:
    return f"  {name:<11} {value}"


def privacy_summary(privacy: DifferentialPrivacy) -> str:
    """Return a line that says what a run has spent of its budget."""
    spent = privacy.record()
    private = f"(ε = {spent['epsilon']:g}, δ = {spent['delta']:g})-differentially private"
    return f"{'privacy':<11} the generator and its samples are {private}; losses, metrics and plots are not"


def parameter_counts(model: GenerativeModel) -> dict[str, int]:
    """Return the number of parameters of each network by name, without averaged copies of generators."""
    counts = {name: sum(one.numel() for one in network.parameters()) for name, network in model.named_children()}
    return {name: n for name, n in counts.items() if n and not name.endswith("ema")}


def _examples(data: Data) -> str:
    return f"{data.epoch_size:,} examples {shape_text(data.modality.sample_shape)}"


def shape_text(shape: Shape) -> str:
    """Return a shape as text: ``1×28×28``, or ``image 1×28×28, wave 1×64`` for joint samples."""
    if isinstance(shape, dict):
        return ", ".join(f"{name} {shape_text(one)}" for name, one in shape.items())
    return "×".join(map(str, shape))
