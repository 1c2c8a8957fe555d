"""Compare finished runs: a table of their metrics, and a sheet of samples from the same latents.

    python scripts/compare.py outputs/families/*/* --page docs/families.md --sheet docs/families.png

Runs with the same name share a row; the sheet shows the first seed of each. Rows of baselines and of real data follow
if scripts/evaluate.py has evaluated one of the runs. The table is printed, or written between the lines
`<!-- table -->` and `<!-- end of table -->` of a page. --part replaces the word `table`.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.pages import replace_part

from gan_lightning.commands.entry import command
from gan_lightning.commands.options import Parser, add_trust_code, check_renamed
from gan_lightning.errors import UserError
from gan_lightning.paths import METRICS
from gan_lightning.tables import markdown, mean_and_deviation

if TYPE_CHECKING:  # slow to import
    from PIL import Image

    from gan_lightning.data.datamodule import Data
    from gan_lightning.modalities.samples import Sample
    from gan_lightning.runs.checkpoints import Trained

LIMITS = ("max_iterations", "max_cpu_minutes")
COLUMNS = 16  # samples of each run in the sheet
NAME_WIDTH, FONT_SIZE = 150, 16  # pixels


@command
def main() -> None:
    parser = Parser(description=__doc__)
    parser.add_argument("run", nargs="+", type=Path, help="folder of a finished run")
    parser.add_argument("--page", type=Path, help="Markdown page to write the table into")
    parser.add_argument("--part", default="table", help="name of the part of the page (table)")
    parser.add_argument("--metrics", metavar="NAME", nargs="+", help="metrics to show (the evaluator's headline)")
    parser.add_argument("--sheet", type=Path, help="image to write")
    add_trust_code(parser, "package of your own that the runs name")
    check_renamed(sys.argv[1:], {"--trust": "--trust-code"})
    arguments = parser.parse_intermixed_args()

    from gan_lightning.metrics.evaluator import evaluator_of
    from gan_lightning.runs.checkpoints import load
    from gan_lightning.system import interrupts

    interrupts.raise_on_signals()
    families: dict[str, list[Path]] = defaultdict(list)  # runs by name
    for run in sorted(arguments.run, key=lambda run: read_json(run / "manifest.json")["seed"]):
        families[read_json(run / "manifest.json")["config"]["name"]].append(run)
    trained = {name: load(str(runs[0]), arguments.trust_code) for name, runs in families.items()}
    rows = [
        row(name, runs, arguments.metrics or evaluator_of(trained[name].data).headline())
        for name, runs in families.items()
    ]
    for name in arguments.metrics or []:
        if all(name not in row for row in rows):
            raise UserError(f"--metrics {name}: no run has evaluation/{name} in its {METRICS}")
    rows += rows_to_compare_with(arguments.run, {column for row in rows for column in row})
    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = markdown(columns, rows) + f"\n\n{footnote(families)}\n"
    if arguments.page:
        replace_part(arguments.page, arguments.part, table)
    else:
        print(table)
    if arguments.sheet:
        sheet(trained).save(arguments.sheet)


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def row(name: str, runs: list[Path], shown: list[str]) -> dict[str, Any]:
    """Return the row of a family: means and standard deviations over its seeds, and the distance of each seed.

    Args:
        name: name of the family.
        runs: its runs.
        shown: names of the metrics to show.
    """
    metrics = [read_json(run / "metrics.json") for run in runs]
    minutes = [read_json(run / "manifest.json")["duration_seconds"] / 60 for run in runs]
    cells = {
        "": name,
        "seeds": len(runs),
        "iterations": f"{statistics.mean(one['iteration'] for one in metrics):,.0f}",
        "minutes": f"{statistics.mean(minutes):.1f}",
    }
    for name in shown:
        values = [one[f"evaluation/{name}"] for one in metrics if f"evaluation/{name}" in one]
        if values:
            cells[name] = mean_and_deviation(values)
        if name == "fcd" and len(values) > 1:
            cells["fcd of each"] = ", ".join(f"{value:.3g}" for value in values)
    return cells


def rows_to_compare_with(runs: list[Path], columns: set[str]) -> list[dict[str, Any]]:
    """Return the rows of baselines and of real data from the first evaluation of a run; none without evaluations."""
    found = next((path for run in runs for path in sorted(run.glob(f"evaluation/*/{METRICS}"))), None)
    if found is None:
        return []
    evaluation = read_json(found)
    others = evaluation["baselines"] | {"real data": evaluation["floor"]}
    return [
        {"": name} | {metric: f"{value:.3g}" for metric, value in values.items() if metric in columns}
        for name, values in others.items()
    ]


def footnote(families: dict[str, list[Path]]) -> str:
    """Return limits, machine and revision of the runs, for the line below the table."""
    manifests = [read_json(run / "manifest.json") for runs in families.values() for run in runs]
    hardware = manifests[0]["hardware"]
    limits = {f"{name}={m['config'][name]}" for m in manifests for name in LIMITS if m["config"].get(name) is not None}
    revisions = {manifest["git"]["revision"][:12] for manifest in manifests if manifest["git"]}
    return (
        f"{', '.join(sorted(limits)) or 'By epochs'}, {hardware['threads']} thread(s) of {hardware['processor']}, "
        f"PyTorch {manifests[0]['packages']['torch']}, revision {', '.join(sorted(revisions)) or 'unknown'}. "
        "Mean ± standard deviation over training seeds."
    )


def sheet(trained: dict[str, Trained]) -> Image.Image:
    """Return an image with a row of samples for each run, after its name."""
    from PIL import Image, ImageDraw, ImageFont

    rows = []
    for name, run in trained.items():
        content = run.data.modality.decode(run.model.sample(COLUMNS, conditions(run.data), seed=0))
        samples = Image.fromarray(run.data.modality.sheet(content, COLUMNS))
        row = Image.new("RGB", (NAME_WIDTH + samples.width, samples.height), "white")
        ImageDraw.Draw(row).text((8, samples.height // 2 - FONT_SIZE), name, "black", ImageFont.load_default(FONT_SIZE))
        row.paste(samples, (NAME_WIDTH, 0))
        rows.append(row)
    whole = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows)), "white")
    for i, row in enumerate(rows):
        whole.paste(row, (0, sum(earlier.height for earlier in rows[:i])))
    return whole


def conditions(data: Data) -> Sample | None:
    """Return the conditions of a row of samples: each class once, then again, or conditions of the data."""
    import torch

    from gan_lightning.modalities.samples import size, take

    values = None if data.condition is None else data.condition.values()
    if data.condition is None or values is None:
        return data.sample_conditions(COLUMNS, seed=0)
    return data.condition.encode(take(values, torch.arange(COLUMNS) % size(values)))


if __name__ == "__main__":
    main()
