"""Runs side by side: a table of their figures, and a sheet of samples from the same latents.

    python scripts/compare.py outputs/families/*/* --page docs/families.md --sheet docs/families.png

Runs of the same name and other seeds make one row; the sheet shows the first seed of each. The table goes on screen, or
between the lines `<!-- table -->` and `<!-- end of table -->` of a page; --part says another word than `table`.
"""

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from benchmarks.pages import replace_part
from PIL import Image, ImageDraw, ImageFont

from gan_lightning.commands.entry import command
from gan_lightning.commands.options import Parser, add_trust_code, check_renamed
from gan_lightning.data.datamodule import Data
from gan_lightning.metrics.evaluator import evaluator_of
from gan_lightning.modalities.samples import Sample, size, take
from gan_lightning.runs.checkpoints import Trained, load
from gan_lightning.tables import markdown

LIMITS = ("max_iterations", "max_cpu_minutes")
COLUMNS, LABEL, TEXT = 16, 150, 16  # samples of each run; width of a name and height of its letters, pixels


@command
def main() -> None:
    parser = Parser(description=__doc__)
    parser.add_argument("run", nargs="+", type=Path, help="folder of a finished run")
    parser.add_argument("--page", type=Path, help="Markdown file to put the table into")
    parser.add_argument("--part", default="table", help="of the page (table)")
    parser.add_argument("--sheet", type=Path, help="picture to write")
    add_trust_code(parser, "package of your own that the runs name")
    check_renamed(sys.argv[1:], {"--trust": "--trust-code"})
    arguments = parser.parse_intermixed_args()

    families: dict[str, list[Path]] = defaultdict(list)
    for run in sorted(
        arguments.run, key=lambda run: json.loads((run / "manifest.json").read_text(encoding="utf-8"))["seed"]
    ):
        families[json.loads((run / "manifest.json").read_text(encoding="utf-8"))["config"]["name"]].append(run)
    trained = {name: load(str(runs[0]), arguments.trust_code) for name, runs in families.items()}
    rows = [row(name, runs, evaluator_of(trained[name].data).headline()) for name, runs in families.items()]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = markdown(columns, rows) + f"\n\n{footnote(families)}\n"
    if arguments.page:
        replace_part(arguments.page, arguments.part, table)
    else:
        print(table)
    if arguments.sheet:
        sheet(trained).save(arguments.sheet)


def row(name: str, runs: list[Path], headline: list[str]) -> dict[str, Any]:
    """Return mean and standard deviation over the seeds of a family, and the distance of each."""
    figures = [json.loads((run / "metrics.json").read_text(encoding="utf-8")) for run in runs]
    minutes = [json.loads((run / "manifest.json").read_text(encoding="utf-8"))["duration_seconds"] / 60 for run in runs]
    cells = {
        "": name,
        "seeds": len(runs),
        "iterations": f"{statistics.mean(one['iteration'] for one in figures):,.0f}",
        "minutes": f"{statistics.mean(minutes):.1f}",
    }
    for metric in headline:
        values = [one[f"evaluation/{metric}"] for one in figures if f"evaluation/{metric}" in one]
        if values:
            spread = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
            cells[metric] = f"{statistics.mean(values):.3g}{spread}"
        if metric == "fcd" and len(values) > 1:
            cells["fcd of each"] = ", ".join(f"{value:.3g}" for value in values)
    return cells


def footnote(families: dict[str, list[Path]]) -> str:
    """On what the runs were made."""
    manifests = [
        json.loads((run / "manifest.json").read_text(encoding="utf-8")) for runs in families.values() for run in runs
    ]
    hardware = manifests[0]["hardware"]
    limits = {f"{name}={m['config'][name]}" for m in manifests for name in LIMITS if m["config"].get(name) is not None}
    revisions = {manifest["git"]["revision"][:12] for manifest in manifests if manifest["git"]}
    return (
        f"{', '.join(sorted(limits)) or 'By epochs'}, {hardware['threads']} thread(s) of {hardware['processor']}, "
        f"PyTorch {manifests[0]['packages']['torch']}, revision {', '.join(sorted(revisions)) or 'unknown'}. "
        "Mean ± standard deviation over training seeds."
    )


def sheet(trained: dict[str, Trained]) -> Image.Image:
    """Return one row of samples a run, with its name in front."""
    rows = []
    for name, one in trained.items():
        content = one.data.modality.decode(one.model.sample(COLUMNS, conditions(one.data), seed=0))
        samples = Image.fromarray(one.data.modality.sheet(content, COLUMNS))
        line = Image.new("RGB", (LABEL + samples.width, samples.height), "white")
        ImageDraw.Draw(line).text((8, samples.height // 2 - TEXT), name, "black", ImageFont.load_default(TEXT))
        line.paste(samples, (LABEL, 0))
        rows.append(line)
    whole = Image.new("RGB", (max(line.width for line in rows), sum(line.height for line in rows)), "white")
    for i, line in enumerate(rows):
        whole.paste(line, (0, sum(earlier.height for earlier in rows[:i])))
    return whole


def conditions(data: Data) -> Sample | None:
    """Return a condition for each sample of a row: the classes in turn, where there are some."""
    values = None if data.condition is None else data.condition.values()
    if data.condition is None or values is None:
        return data.sample_conditions(COLUMNS, seed=0)
    return data.condition.encode(take(values, torch.arange(COLUMNS) % size(values)))


if __name__ == "__main__":
    main()
