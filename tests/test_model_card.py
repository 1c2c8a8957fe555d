"""The model card of a run that real commands trained."""

import hashlib
import json
import math
import re
import shlex
from pathlib import Path

import pytest
import yaml
from PIL import Image

from gan_lightning.provenance import identity
from gan_lightning.runs.markdown import code, code_block, escape
from tests.conftest import FAST

EVALUATED = [*FAST[:-1], "callbacks.evaluation.n=100", "max_iterations=10"]
TOY = Path(__file__).parent / "toy"
WAVES = ["--config-dir", str(TOY / "conf"), "trainer=cpu", "data=sines", "model=waves"]
HUB_KEYS = {"license", "library_name", "tags", "pipeline_tag", "datasets", "metrics", "model-index"}


def card(run_dir="run"):
    """Return the metadata and the text of a card."""
    text = Path(run_dir, "README.md").read_text(encoding="utf-8")
    start, block, body = text.split("---\n", 2)
    assert start == ""
    return yaml.safe_load(block), body


def read(name):
    return json.loads(Path("run", name).read_text())


def commands(body):
    """Return the commands in the bash blocks of a card, without the program."""
    return [shlex.split(one) for one in re.findall(r"^```bash\n(.*?)\n```$", body, re.MULTILINE)]


def overrides(command):
    """Return the options and overrides of a command."""
    start = next(i for i, word in enumerate(command) if word.startswith("-") or "=" in word)
    return command[start:] if command[start] != "-m" else command[start + 2 :]


def check_metadata(metadata):
    """Check what the hub checks, as ``huggingface_hub.ModelCardData`` reads it."""
    assert metadata.keys() <= HUB_KEYS
    assert metadata["license"] == "unknown"
    assert metadata["library_name"] == "gan-lightning"
    for key in ("tags", "datasets", "metrics"):
        assert all(isinstance(one, str) and one for one in metadata.get(key, []))
    for model in metadata.get("model-index", []):
        assert isinstance(model["name"], str)
        for result in model["results"]:
            assert result["task"]["type"]
            assert result["dataset"]["type"]
            assert result["dataset"]["name"]
            assert all(math.isfinite(one["value"]) and one["type"] for one in result["metrics"])


def table(body):
    """Return the rows of the table of metrics, by metric: value, floor, meaning."""
    rows = [re.split(r" *(?<!\\)\| *", line.strip("| ")) for line in body.splitlines() if line.startswith("| `")]
    return {name.strip("`"): rest for name, *rest in rows}


def test_card(run, trained_once):
    trained_once("card", *EVALUATED, "hydra.run.dir=run")
    metadata, body = card()
    check_metadata(metadata)
    assert metadata["pipeline_tag"] == "unconditional-image-generation"
    assert metadata["tags"] == ["gan", "images", "unconditional"]
    assert metadata["datasets"] == ["optical_recognition_of_handwritten_digits"]

    expected = {k.partition("/")[2]: v for k, v in read("metrics.json").items() if k.startswith("evaluation/")}
    (result,) = metadata["model-index"][0]["results"]
    assert {one["type"]: one["value"] for one in result["metrics"]} == expected
    assert set(metadata["metrics"]) < expected.keys()
    rows, floor = table(body), read("manifest.json")["evaluation"]["floor"]
    assert rows.keys() == expected.keys()
    for name, (value, real, meaning) in rows.items():
        assert (value, real) == (f"{expected[name]:.4g}", f"{floor[name]:.4g}")
        assert meaning

    manifest = read("manifest.json")
    digest = hashlib.sha256(Path("run/checkpoints/last.ckpt").read_bytes()).hexdigest()
    for text in (
        digest,
        manifest["data"]["sha256"],
        "Examples: 1,797",
        "`CC-BY-4.0`",
        "algorithms.objectives.NonSaturating(",
        "generator 14,944, discriminator 12,577",
        "* Seed: 1\n",
        "none when this card was written",
        *(escape(one) for one in manifest["evaluation"]["findings"]),
    ):
        assert text in body
    assert "callbacks.evaluation.n=100" in body


def test_metrics_file_has_no_new_keys(trained_once):
    trained_once("card", *EVALUATED, "hydra.run.dir=run")
    assert {name.partition("/")[0] for name in read("metrics.json")} <= {
        *("iteration", "epoch", "loss", "probability", "gradient_norm", "evaluation", "quality", "alarm")
    }


@pytest.mark.slow
def test_commands_work_as_they_stand_there(run, trained_once):
    trained_once("card", *EVALUATED, "hydra.run.dir=run")
    generate, reproduce = commands(card()[1])
    assert generate[1:3] == ["-m", "gan_lightning.commands.generate"] or generate[1].endswith("generate.py")
    result = run("generate", *overrides(generate))
    assert result.code == 0, result.err
    result = run("train", *overrides(reproduce), "hydra.run.dir=again")
    assert result.code == 0, result.err
    assert "reproduced run: " in result.out
    assert "model card  again/README.md" in result.out


@pytest.mark.slow
def test_sweep_has_a_card_for_each_job(run):
    assert run("train", "-m", *FAST, "max_iterations=2", "seed=1,2", "hydra.sweep.dir=sweep").code == 0
    for job, seed in ((0, 1), (1, 2)):
        metadata, body = card(f"sweep/{job}")
        check_metadata(metadata)
        assert f"* Seed: {seed}\n" in body
        assert f"reproduce=sweep/{job}" in body
        assert "The samples of this run were not evaluated." in body
        assert not {"metrics", "model-index"} & metadata.keys()
    result = run("train", *overrides(commands(card("sweep/1")[1])[1]), "hydra.run.dir=again")
    assert (result.code, "reproduced sweep/1: " in result.out) == (0, True)


@pytest.mark.slow
def test_resumed_run_has_a_new_card(run):
    assert run("train", *FAST, "max_iterations=2", "hydra.run.dir=run").code == 0
    before = card()[1]
    assert run("train", "resume=run", "max_iterations=4").code == 0
    assert "Iterations: 2," in before
    assert "Iterations: 4," in card()[1]
    assert ", in 2 parts" in card()[1]
    assert not Path("run/README.generated.md").exists()


@pytest.mark.slow
@pytest.mark.parametrize("edit", ["license: mit", None])
def test_edited_card_survives(run, edit):
    """A card that a person edited, or wrote before the run finished, is kept."""
    path = Path("run/README.md")
    if edit:
        assert run("train", *FAST, "max_iterations=2", "hydra.run.dir=run").code == 0
        path.write_text(path.read_text().replace("license: unknown", edit))
    else:
        path.parent.mkdir()
        path.write_text("mine\n")
    before = path.read_bytes()
    for iterations in (3, 4):
        arguments = ["resume=run"] if edit or iterations == 4 else [*FAST, "hydra.run.dir=run"]
        result = run("train", *arguments, f"max_iterations={iterations}")
        assert result.code == 0, result.err
        assert "model card  run/README.generated.md" in result.out
        assert path.read_bytes() == before
        assert f"Iterations: {iterations}," in Path("run/README.generated.md").read_text()


def test_nothing_left_to_train(run):
    """An existing card is kept; a missing one is written."""
    assert run("train", *FAST, "max_iterations=2", "hydra.run.dir=run").code == 0
    path = Path("run/README.md")
    text, written = path.read_text(), path.stat().st_mtime_ns
    assert run("train", "resume=run").code == 0
    assert path.stat().st_mtime_ns == written
    path.unlink()
    assert run("train", "resume=run").code == 0
    assert path.read_text() == text


def test_run_that_did_not_finish_has_no_card(run):
    assert run("train", *FAST, "model.generator_optimizer.lr=1e38", "max_iterations=20", "hydra.run.dir=run").code == 2
    assert read("manifest.json")["status"] == "diverged"
    assert not Path("run/README.md").exists()


def test_evaluation_before_a_kill_is_in_the_card(run):
    """A run that is resumed after its last evaluation does not evaluate again; the card has the earlier values."""
    evaluated = ["callbacks.evaluation.every_n_epochs=1", "trainer.max_epochs=1", "hydra.run.dir=run"]
    assert run("train", *EVALUATED[:-1], *evaluated).code == 0
    before = read("manifest.json")
    Path("run/manifest.json").write_text(json.dumps(before | {"status": "running", "evaluation": {}}))
    Path("run/README.md").unlink()
    assert run("train", "resume=run").code == 0
    assert read("manifest.json")["evaluation"] == before["evaluation"]
    assert table(card()[1])


def test_signed_checkpoint(run, monkeypatch, tmp_path):
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "identity"))
    identity.create("Jane Doe", "Example")
    assert run("train", *FAST, "max_iterations=2", "hydra.run.dir=run", "provenance=true").code == 0
    assert "`checkpoints/last.ckpt.intoto.json`, which `gan-verify` checks" in card()[1]


def test_variational_autoencoder(run):
    assert run("train", "data=digits", "trainer=cpu", "model=vae", "callbacks.evaluation=null", "max_iterations=2",
               "hydra.run.dir=run").code == 0  # fmt: skip
    metadata, body = card()
    check_metadata(metadata)
    assert metadata["tags"][0] == "vae"
    assert "encoder" in body


@pytest.mark.slow
def test_other_modality(run, monkeypatch):
    monkeypatch.syspath_prepend(TOY)
    result = run("train", *WAVES, "conditional=true", "max_iterations=5", "hydra.run.dir=run")
    assert result.code == 0, result.err
    metadata, body = card()
    check_metadata(metadata)
    assert metadata.keys() & {"pipeline_tag", "datasets"} == set()
    assert metadata["tags"] == ["gan", "waves", "conditional"]
    assert metadata["model-index"][0]["results"][0]["dataset"]["name"] == "Sines"
    assert "`Waves` of shape 1×64" in body
    assert "Licence of the data: not stated" in body
    assert "loudness" in table(body)
    generate, reproduce = commands(body)
    assert "trust_code=[waves]" in generate
    assert run("generate", *overrides(generate)).code == 0
    assert "reproduced run: " in run("train", *overrides(reproduce), "hydra.run.dir=again").out


def test_joint_content_without_evaluator(run, monkeypatch):
    monkeypatch.syspath_prepend(TOY)
    arguments = ["--config-dir", str(TOY / "conf"), "trainer=cpu", "data=stripes", "model=joint", "max_iterations=2"]
    assert run("train", *arguments, "hydra.run.dir=run").code == 0
    metadata, body = card()
    check_metadata(metadata)
    assert metadata["tags"] == ["gan", "imageandwave", "unconditional"]
    assert "pipeline_tag" not in metadata
    assert "`ImageAndWave` of shape image 1×8×8, wave 1×64" in body


def test_names_that_mean_something_in_markdown(run, tmp_path):
    """Names of classes and folders, and a licence, contain Markdown or the end of a YAML block."""
    for i, name in enumerate(("<b>cat</b>", "[dog](x)|`", "---")):
        folder = tmp_path / "pics: *my* `photos`" / name.replace("/", "∕")
        folder.mkdir(parents=True)
        for j in range(4):
            Image.new("L", (8, 8), 60 * i + 10 * j + 1).save(folder / f"{j}.png")
    root = "data.root='pics: *my* `photos`'"
    result = run("train", *FAST[1:4], "data=image_folder", root, "data.image_size=8", "data.channels=1",
                 "data.batch_size=4", "data.licence='CC BY\n---'", "callbacks.evaluation.n=6", "conditional=true",
                 "max_iterations=2", "name='a\n---\n# b: *c*'", "hydra.run.dir=run")  # fmt: skip
    assert result.code == 0, result.err
    metadata, body = card()
    check_metadata(metadata)
    assert "datasets" not in metadata
    assert "pics: \\*my\\* \\`photos\\`" in body
    assert "\\<b\\>cat\\<∕b\\>" in body
    assert "\\[dog\\](x)\\|\\`" in body
    assert "\n---" not in re.sub(r"^```.*?^```$", "", body, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_data_that_changed(run, tmp_path):
    """The card lists both data sets, and gives no command that would repeat the run."""
    (tmp_path / "images").mkdir()
    for i in range(12):
        Image.new("L", (8, 8), 20 * i + 1).save(tmp_path / f"images/{i}.png")
    result = run("train", *FAST[1:4], FAST[-1], "data=image_folder", "data.root=images", "data.image_size=8",
                 "data.channels=1", "data.batch_size=4", "max_iterations=2", "hydra.run.dir=run")  # fmt: skip
    assert result.code == 0, result.err
    (tmp_path / "images/0.png").unlink()
    assert run("train", "resume=run", "max_iterations=4", "allow_changed_data=true").code == 0
    body = card()[1]
    assert "Data 1:\n\n* Examples: 12\n" in body
    assert "Data 2:\n\n* Examples: 11\n" in body
    assert len(commands(body)) == 1
    assert "* Source: images\n* Licence of the data: not stated" in body


def test_disk_that_is_full(run, monkeypatch):
    """A card that cannot be written causes a warning, because the run has finished."""

    def refuse(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gan_lightning.runs.model_card.write_text_file", refuse)
    result = run("train", *FAST, "max_iterations=2", "hydra.run.dir=run")
    assert result.code == 0
    assert "README.md: No space left on device: free some space there" in result.out + result.err
    assert read("manifest.json")["status"] == "finished"


@pytest.mark.slow
def test_distributed_run_has_one_card(run):
    result = run("train", *EVALUATED, "trainer=ddp_cpu", "trainer.devices=2", "hydra.run.dir=run")
    assert result.code == 0, result.err
    metadata, body = card()
    check_metadata(metadata)
    assert "* Processes: 2\n" in body
    assert result.out.count("model card") == 1
    assert table(body)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a_b", "a_b"), ("_a_", "\\_a\\_"), ("__init__", "\\_\\_init\\_\\_"), ("a|b", "a\\|b"), ("a\nb", "a�b")],
)
def test_escape(text, expected):
    assert escape(text) == expected


def test_code_with_backticks():
    assert code("plain") == "`plain`"
    assert code("a`b") == "`` a`b ``"
    assert code_block("a\n```\nb", "bash") == "````bash\na\n```\nb\n````"
