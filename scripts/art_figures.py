"""Draw the pictures and write the tables of docs/how-to/art.md about runs that scripts/art.sh has trained.

    python scripts/art_figures.py outputs/art

Takes five minutes on a core.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.pages import replace_part
from PIL import Image

from gan_lightning.commands.directions import HEADER_HEIGHT
from gan_lightning.data.avatars import Avatars
from gan_lightning.latents.directions import read_directions
from gan_lightning.modalities.image import to_pillow
from gan_lightning.runs.checkpoints import load
from gan_lightning.tables import markdown

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "how-to" / "art.md"
SHOWN = ["glasses", "hat.flower", "hair.afro", "mouth.beard", "skin.blue", "background.night"]  # in the picture
METRICS = ["frechet_st_alexnet_train", "precision", "recall", "sharpness", "duplicate_rate", "copy_rate"]  # of artworks
LISTED = re.compile(r"\| ?(direction|-|glasses|\(random)")  # rows of the table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder that scripts/art.sh has written")
    folder = parser.parse_args().folder
    run = folder / "avatars" / "art" / "1"

    script("generate", f"checkpoint={run}", "n=64", "seed=1", f"output={DOCS / 'art.png'}")
    script("generate", f"checkpoint={folder / 'nouns' / 'art' / '1'}", "n=64", "seed=1", f"output={DOCS / 'nouns.png'}")
    script("generate", f"checkpoint={run}", "n=6", "mix=1-2", f"output={DOCS / 'mixing.png'}")

    table = script("directions", f"checkpoint={run}", "method=supervised")
    replace_part(PAGE, "directions", "\n".join(line for line in rows(table) if LISTED.match(line)))
    rows_of_sheet(run / "directions" / "supervised.png").save(DOCS / "directions.png")

    photo = folder / "photo.png"
    to_pillow(Avatars(1, 1, 1, [3, 32, 32], num_classes=80, seed=0).load_test().content[0]).save(photo)
    projected = [f"project={photo}", "edit=glasses=+5", f"output={DOCS / 'projection.png'}"]
    replace_part(PAGE, "projection", "\n".join(rows(script("generate", f"checkpoint={run}", *projected))))

    replace_part(PAGE, "values of nouns", values_of_attributes(folder / "nouns" / "art" / "1"))

    if (folder / "artworks").exists():
        replace_part(PAGE, "few shot", few_shot(sorted(folder.glob("artworks/*/*"))))


def values_of_attributes(run: Path) -> str:
    """Return a table of the attributes of data: the number of their values, and of those in 10,000 samples of a run."""
    trained = load(str(run))
    data, evaluator = trained.data, trained.data.evaluator
    data.prepare_data()
    data.setup("test")
    evaluator.prepare(data)
    condition = data.sample_conditions(evaluator.reference.n, 0)
    content = data.modality.decode(trained.model.sample(evaluator.reference.n, condition, seed=0))
    samples = evaluator.view(content, condition)
    counted = zip(data.attributes.names.items(), samples.recognized_values, samples.found, strict=True)
    table = [
        {"attribute": name, "values": len(values), "recognized": int(seen.sum()), "valid": int(valid.sum())}
        for (name, values), seen, valid in counted
    ]
    return markdown(["attribute", "values", "recognized", "valid"], table)


def few_shot(runs: Sequence[Path]) -> str:
    """Return a table of the metrics of runs on artworks, and of real artworks."""
    table = []
    for run in runs:
        script("evaluate", f"checkpoint={run}", "features=st_alexnet")
        metrics = json.loads((run / "evaluation" / "last" / "metrics.json").read_text(encoding="utf-8"))
        means = {name: value["mean"] for name, value in metrics["generators"]["ema"].items()}
        table.append({"": run.parent.name} | {name: means[name] for name in METRICS})
    table.append({"": "real data"} | {name: metrics["floor"][name] for name in METRICS})
    return markdown(["", *METRICS], table)


def script(name: str, *arguments: str) -> str:
    """Run a script of the project and return what it prints."""
    command = [sys.executable, str(Path(__file__).with_name(f"{name}.py")), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def rows(output: str) -> list[str]:
    """Return the lines of a Markdown table in the output of a command."""
    return [line for line in output.splitlines() if line.startswith("|")]


def rows_of_sheet(path: Path) -> Image.Image:
    """Return the header and the rows ``SHOWN`` of a sheet of directions."""
    names = read_directions(path.with_suffix(".safetensors"))[0].names
    sheet = Image.open(path)
    height = (sheet.height - HEADER_HEIGHT) / len(names)
    edges = [(0, HEADER_HEIGHT)]
    for name in SHOWN:
        top = HEADER_HEIGHT + names.index(name) * height
        edges.append((round(top), round(top + height)))
    picture = Image.new("RGB", (sheet.width, sum(bottom - top for top, bottom in edges)))
    position = 0
    for top, bottom in edges:
        picture.paste(sheet.crop((0, top, sheet.width, bottom)), (0, position))
        position += bottom - top
    return picture


if __name__ == "__main__":
    main()
