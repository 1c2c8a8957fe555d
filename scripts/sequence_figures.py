"""Write the table about runs of scripts/sequences.sh into the page of docs/how-to that has a place for it.

    python scripts/sequence_figures.py outputs/sequences/poems/*

The folder of the runs is the name of the table. Beside the GAN, the table shows its drafts without the choice of the
discriminator, which are a model of maximum likelihood, and the baselines of the evaluation; for the captions of Texygen
also the samples that its authors published, if data/captions/texygen_samples has their files. The first run on captions
or on the oracle is drawn at several temperatures, in docs/temperatures_NAME.png. Takes up to ten minutes on a core.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.pages import replace_part
from matplotlib.figure import Figure

from gan_lightning.algorithms.priors import Uniform
from gan_lightning.data.captions import Captions
from gan_lightning.metrics.evaluator import Evaluator, evaluator_of
from gan_lightning.metrics.metric import Metrics
from gan_lightning.modalities.text import Text, read_lines
from gan_lightning.networks.autoregressive import Autoregressive
from gan_lightning.networks.tokens import Tempered, TokenGenerator
from gan_lightning.runs.checkpoints import Trained, load
from gan_lightning.tables import markdown, mean_and_deviation

DOCS = Path(__file__).parents[1] / "docs"
GAN, DRAFTS = "GAN", "its drafts: maximum likelihood"
TEMPERATURES = (0.7, 0.8, 0.9, 1.0, 1.1)
POINTS = 2000  # lines of each point
CAPTIONS = {"nats a token": ("real_nll", "generated_nll"), "BLEU-4": ("self_bleu_4", "bleu_4")}
PANELS = {  # of the picture of a table: the metric that measures variety, and the one that measures quality
    "captions": CAPTIONS,
    "captions_texygen": CAPTIONS,
    "oracle": {"nats a token": ("real_nll", "oracle_nll"), "BLEU-4, nats a token": ("self_bleu_4", "oracle_nll")},
}
POINTS_OF = ("bigram", "trigram")  # baselines in the picture
PUBLISHED = {  # samples of Texygen's authors, by file
    "mle": "MLE",
    "seq": "SeqGAN",
    "maligan": "MaliGAN",
    "rank": "RankGAN",
    "leakgan": "LeakGAN",
    "textgan": "TextGAN",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="+", help="folder of a finished run")
    folders = parser.parse_args().run
    name = folders[0].resolve().parent.name
    pages = [page for page in DOCS.rglob("*.md") if f"<!-- {name} -->" in page.read_text(encoding="utf-8")]
    if len(pages) != 1:
        parser.error(f"{folders[0]}: {len(pages)} pages have a place for the table {name}: there must be one")
    replace_part(pages[0], name, table([load(str(folder)) for folder in folders]))
    if name in PANELS:
        draw(folders[0], PANELS[name]).savefig(DOCS / f"temperatures_{name}.png", dpi=100)


def table(runs: Sequence[Trained]) -> str:
    """Return a table of runs, which differ by their seeds, and of what to compare them with."""
    evaluator = prepared(runs[0])
    found = [metrics_of(run) for run in runs]
    names = [name for name in evaluator.headline() if name in found[0]]
    rows = [row(GAN, names, found), row(DRAFTS, names, [drafts_of(run, evaluator) for run in runs])]
    rows += [row(name, names, [metrics]) for name, metrics in evaluator.baseline_metrics().items()]
    rows += [row(name, names, [metrics]) for name, metrics in published(evaluator).items()]
    rows.append(row("real data", names, [evaluator.real_baseline()]))
    return f"{markdown(['', *names], rows)}\n\n{footnote(runs)}\n"


def metrics_of(run: Trained) -> Metrics:
    """Return the metrics that were measured when a run ended."""
    written = json.loads((run.run_dir / "metrics.json").read_text(encoding="utf-8"))
    prefix = "evaluation/"
    return {name.removeprefix(prefix): value for name, value in written.items() if name.startswith(prefix)}


def prepared(run: Trained, n: int | None = None) -> Evaluator:
    """Return the evaluator of a run, with its test data."""
    evaluator = evaluator_of(run.data)
    run.data.setup("test")
    evaluator.prepare(run.data, n)
    return evaluator


def row(title: str, names: Sequence[str], metrics: Sequence[Metrics]) -> dict[str, str]:
    """Return a row of means and, of several values, standard deviations."""
    cells = {"": title}
    for name in names:
        if values := [one[name] for one in metrics if name in one]:
            cells[name] = mean_and_deviation(values, digits_of_deviation=1)
    return cells


def drafts_of(run: Trained, evaluator: Evaluator) -> Metrics:
    """Return the metrics of samples that are one draft each, which no discriminator has chosen."""
    as_drafter(run)
    return measure(run, evaluator)


def as_drafter(run: Trained) -> None:
    """Replace the model of a run by its averaged generator of drafts."""
    drafter = run.model.generator_of(None).drafter
    assert isinstance(drafter, Autoregressive)
    run.model.ema = drafter
    run.model.prior = Uniform([drafter.length, len(drafter.blocks)])


def measure(run: Trained, evaluator: Evaluator) -> Metrics:
    return evaluator(*evaluator.generate(run.model, run.data, evaluator.n_generated, seed=0))


def published(evaluator: Evaluator) -> dict[str, Metrics]:
    """Return the metrics of samples of Texygen's authors, of those files that are beside its captions."""
    data = evaluator.reference.data
    if not (isinstance(data, Captions) and data.split == "texygen"):
        return {}
    assert isinstance(data.modality, Text)
    found = {}
    for name, title in PUBLISHED.items():
        path = data.files.root / "texygen_samples" / f"{name}.txt"
        if path.exists():
            found[title] = evaluator(data.modality.from_lines(read_lines(path), path))
    return found


def footnote(runs: Sequence[Trained]) -> str:
    manifests = [json.loads((run.run_dir / "manifest.json").read_text(encoding="utf-8")) for run in runs]
    spread = " Mean ± standard deviation over the seeds." if len(runs) > 1 else ""
    seeds = "one seed" if len(runs) == 1 else f"{len(runs)} seeds"
    hardware, minutes = manifests[0]["hardware"], max(one["duration_seconds"] for one in manifests) / 60
    return (
        f"{seeds}, {runs[0].config['max_iterations']:,} iterations, at most {minutes:.0f} minutes with "
        f"{hardware['threads']} thread(s) of {hardware['processor']} beside other work.{spread}"
    )


def draw(folder: Path, panels: Mapping[str, tuple[str, str]]) -> Figure:
    """Draw a panel for each pair of metrics, with a curve over the temperatures for the model and for its drafts."""
    gan, drafts = load(str(folder)), load(str(folder))
    as_drafter(drafts)
    evaluator = prepared(gan, POINTS)
    curves = {title: curve(run, evaluator) for title, run in {GAN: gan, DRAFTS: drafts}.items()}
    baselines = evaluator.baseline_metrics()
    points = {name: baselines[name] for name in POINTS_OF} | published(evaluator) | {"real": evaluator.real_baseline()}
    figure = Figure((12, 4), layout="constrained")
    for axes, (unit, names) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        for title, measured in curves.items():
            places = [tuple(metrics[name] for name in names) for metrics in measured]
            axes.plot(*zip(*places, strict=True), "o-", label=title)
            for temperature, place in zip(TEMPERATURES, places, strict=True):
                axes.annotate(f"{temperature:g}", place, textcoords="offset points", xytext=(4, 4), fontsize=7)
        for title, metrics in points.items():
            axes.plot(*(metrics[name] for name in names), "k*" if title == "real" else "s", label=title)
        axes.set(xlabel=names[0], ylabel=names[1], title=unit)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper")
    return figure


def curve(run: Trained, evaluator: Evaluator) -> list[Metrics]:
    """Return the metrics of a model at each temperature."""
    generator = run.model.generator_of(None)
    assert isinstance(generator, TokenGenerator)
    measured = []
    for temperature in TEMPERATURES:
        run.model.ema = Tempered(generator, temperature, 1.0)
        measured.append(measure(run, evaluator))
    return measured


if __name__ == "__main__":
    main()
