"""The sections of a model card, as Markdown."""

import shlex
from collections.abc import Iterable, Iterator
from typing import Any

from gan_lightning.config.trust import untrusted_packages
from gan_lightning.errors import listed
from gan_lightning.files import file_digest
from gan_lightning.paths import LAST_CHECKPOINT, OVERRIDES, STATEMENT_SUFFIX, path_override
from gan_lightning.runs.card import Card
from gan_lightning.runs.folders import stored_overrides
from gan_lightning.runs.markdown import bullet_list, code, code_block, escape
from gan_lightning.runs.summary import parameter_counts, shape_text
from gan_lightning.tables import markdown

MOST_CLASSES = 50  # names that are listed

DIRECT_USE = """\
Study and teach generative models with it, and draw samples like its training data, where the licence of the data allows
that."""
OUT_OF_SCOPE = """\
* Do not present samples as real, or as the work of a person.
* Do not imitate a person without consent.
* Do not use samples in place of real data for decisions about people.
* Do not take samples for anonymous data: they can repeat training examples."""
LIMITS = """\
* It generates only samples of the kind, the shape and the classes that it was trained on.
* It repeats the errors, gaps and biases of its training data. What is rare there is often rarer among samples.
* Metrics hold for these data and this way of measuring only."""
ETHICS = """\
Before you publish the model or its samples, check the licence and the consent that the training data need, and whether
samples repeat training examples. Where you publish samples, say that they are synthetic. `sign=true` in the command
that generates them marks their files in a way that machines read. `docs/ethics.md` of GAN Lightning's source says
more."""


def introduction(card: Card) -> str:
    kind = f"{code(card.modality)} of shape {escape(shape_text(card.data.modality.sample_shape))}"
    conditional = "It is unconditional"
    if card.data.condition is not None:
        conditional = f"It takes a condition, {code(type(card.data.condition).__name__)}"
    version = card.manifest["packages"]["gan-lightning"]
    return f"A {code(card.algorithm)} that generates {kind}, trained with GAN Lightning {version}. {conditional}."


def model(card: Card) -> str:
    counts = parameter_counts(card.model)
    parts = {key: value for key, value in card.config["model"].items() if isinstance(value, dict) and value}
    return bullet_list(
        ("Algorithm", code(card.config["model"]["_target_"])),
        *((code(name), code(_short(value))) for name, value in parts.items()),
        ("Parameters", ", ".join(f"{escape(name)} {n:,}" for name, n in counts.items()) or "none"),
        ("Samples are drawn from", "the averaged generator" if card.model.weights[0] == "ema" else "the trained one"),
        ("Licence of the model", f"not stated; whoever publishes it replaces {code('license: unknown')} above"),
    )


def limits(card: Card) -> Iterator[str]:
    collapses = [
        f"collapsed from iteration {one['since']:,} "
        + ("on" if one["until"] is None else f"to {one['until']:,}")
        + f": {one['why']}"
        for one in card.manifest.get("collapses", [])
    ]
    found = [*card.evaluation.get("findings", []), *collapses]
    if found:
        yield "What the evaluation and the collapse alarm of this run found:"
        yield "\n".join(f"* {escape(one)}" for one in found)
        yield "What holds for every such model:"
    elif card.evaluation:
        yield "The evaluation of this run found nothing wrong. What holds for every such model:"
    yield LIMITS


def generate(card: Card) -> Iterator[str]:
    nodes = {key: card.config[key] for key in ("model", "data")}
    packages = untrusted_packages(nodes)
    command = [card.commands.generate, path_override("checkpoint", card.run_dir), "n=64", "seed=0", *_trust(packages)]
    yield "From the working directory of the run:"
    yield code_block(" ".join(command), "bash")
    yield "The same checkpoint and seed give the same samples. The training data are not needed."
    if card.data.condition is not None:
        yield "`condition=…` asks for one condition. Without it, conditions are drawn at random."
    if packages:
        yield f"Python must find {', '.join(map(code, packages))}, which is not part of GAN Lightning."


def training_data(card: Card) -> Iterator[str]:
    licence = code(card.data.licence) if card.data.licence else "not stated; ask for it before you publish anything"
    yield bullet_list(
        ("Source", escape(card.data.source or "not stated")),
        ("Licence of the data", licence),
        *(_described(card.trained_on[0]) if len(card.trained_on) == 1 else []),
    )
    if len(card.trained_on) > 1:
        yield "The data changed when the run was resumed."
        for i, one in enumerate(card.trained_on, 1):
            yield f"Data {i}:"
            yield bullet_list(*_described(one))


def _described(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield a row for each entry of :meth:`Data.describe`."""
    names = {
        "examples": "Examples",
        "sha256": "SHA-256 of all examples",
        "canaries": "Planted canaries, rows that nobody has",
        "canary_copies": "Copies of each canary",
    }
    for key, value in data.items():
        if key == "classes" and isinstance(value, list):
            yield f"Classes ({len(value):,})", escape(listed([str(one) for one in value], MOST_CLASSES))
        elif isinstance(value, int):
            yield names.get(key, escape(key)), f"{value:,}"
        else:
            yield names.get(key, escape(key)), code(value)


def training(card: Card) -> str:
    settings = {
        "batch size": card.config["data"].get("batch_size"),
        "precision": (card.config.get("trainer") or {}).get("precision"),
        "processes": card.manifest.get("processes"),
    }
    return bullet_list(
        ("Iterations", f"{card.metrics['iteration']:,}, {card.metrics['epoch']:.4g} epochs"),
        ("Seed", str(card.manifest["seed"])),
        *((name.capitalize(), escape(value)) for name, value in settings.items() if value is not None),
        *_privacy(card.manifest.get("privacy")),
    )


def _privacy(spent: dict[str, Any] | None) -> Iterator[tuple[str, str]]:
    if spent is not None:
        guarantee = f"ε = {spent['epsilon']:g}, δ = {spent['delta']:g}, between {spent['neighbors']}"
        yield "Differential privacy", escape(f"{guarantee}; accountant {spent['accountant']}")


def evaluation(card: Card) -> Iterator[str]:
    if not card.values:
        yield "The samples of this run were not evaluated."
        return
    how = card.evaluation
    if how:
        yield (
            f"{how['n']:,} samples, drawn with seed {how['seed']} after iteration {how['iteration']:,}, were compared "
            f"with as many real examples ({escape(how['split'])}), by {escape(how['features']['name'])}. The floor "
            "of a metric is its value for other real examples in place of samples."
        )
    floor = how.get("floor", {})
    rows = [
        {
            "metric": code(name).replace("|", r"\|"),
            "value": value,
            "floor": floor.get(name, ""),
            "meaning": escape(card.meanings.get(name, "")),
        }
        for name, value in card.values.items()
    ]
    yield markdown(["metric", "value", "floor", "meaning"], rows)
    yield "`metrics.json` has all digits."


def environment(card: Card) -> str:
    hardware = card.manifest["hardware"]
    gpus = ", ".join(hardware["gpus"]) or "none"
    packages = ", ".join(f"{name} {version}" for name, version in card.manifest["packages"].items())
    parts = len(card.manifest["segments"])
    return bullet_list(
        ("Duration", _duration(card.manifest["duration_seconds"]) + (f", in {parts} parts" if parts > 1 else "")),
        ("Trained on", code(card.manifest.get("device", "unknown"))),
        ("Processor", f"{escape(hardware['processor'])}, {hardware['cores']} cores, {hardware['threads']} threads"),
        ("GPUs of the machine", escape(gpus)),
        ("System", f"{escape(hardware['platform'])}, Python {card.manifest['python']}"),
        ("Packages", escape(packages)),
    )


def provenance(card: Card) -> str:
    checkpoint, git = card.run_dir / LAST_CHECKPOINT, card.manifest.get("git")
    statement = checkpoint.with_name(f"{checkpoint.name}{STATEMENT_SUFFIX}")
    signed = (
        f"{code(statement.relative_to(card.run_dir))}, which {code('gan-verify')} checks"
        if statement.is_file()
        else "none when this card was written; `provenance=true` in training, or `gan-statement`, signs one"
    )
    revision = "not known: the code was no git checkout"
    if git:
        revision = code(git["revision"]) + (", with uncommitted changes" if git["dirty"] else "")
    return bullet_list(
        ("Checkpoint", code(LAST_CHECKPOINT)),
        *([("SHA-256 of the checkpoint", code(file_digest(checkpoint)))] if checkpoint.is_file() else []),
        ("Signed statement about the checkpoint", signed),
        ("Git revision of the code", revision),
    )


def train_again(card: Card) -> Iterator[str]:
    if len(card.trained_on) > 1:
        yield "The data changed when the run was resumed, so that no command repeats the whole run."
    elif (card.run_dir / OVERRIDES).is_file():
        if "privacy" in card.manifest:
            yield "The noise of differential privacy comes from the operating system, so that no command repeats a run."
        else:
            yield "From the working directory of the run:"
            command = [
                card.commands.train,
                path_override("reproduce", card.run_dir),
                *_trust(untrusted_packages(card.config)),
            ]
            yield code_block(" ".join(command), "bash")
            yield (
                "It trains with the same settings, seed and data, and says whether metrics and weights are equal, bit "
                "for bit. Expect that on the same kind of machine, with the same versions and as many threads."
            )
        if overrides := stored_overrides(card.run_dir):
            yield "The settings that were given, beside the defaults:"
            yield code_block(shlex.join(overrides))
    yield "The command lines of the run, as recorded:"
    yield code_block("\n".join(shlex.join(segment["command"]) for segment in card.manifest["segments"]))


def _short(value: Any) -> str:
    """Return a node of a config as a call, ``torch.optim.Adam(lr=0.0002)``, without what is not set."""
    if isinstance(value, list):
        return f"[{', '.join(map(_short, value))}]"
    if not isinstance(value, dict):
        return str(value)
    arguments = ", ".join(
        f"{key}={_short(one)}" for key, one in value.items() if not key.startswith("_") and one not in (None, {})
    )
    if "_target_" not in value:
        return arguments
    return f"{str(value['_target_']).removeprefix('gan_lightning.')}({arguments})"


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min {seconds} s" if hours else f"{minutes} min {seconds} s"


def _trust(packages: Iterable[str]) -> list[str]:
    chosen = ",".join(packages)
    return [shlex.quote(f"trust_code=[{chosen}]")] if chosen else []
