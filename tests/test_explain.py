"""Errors of Hydra and OmegaConf are explained in one line that contains none of their own text."""

import json

import pytest
from PIL import Image

HYDRA_TEXTS = ("raised while", "full_key", "object_type", "Interpolation", "Key '", "ConfigKeyError", "Error merging")


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        ("model=mpl", "model=mpl: no such option, did you mean 'mlp'? (model: cut, cyclegan, dcgan, mlp, "),
        ("hydra/launcher=jobli", "hydra/launcher=jobli: no such option"),
        ("trainer.max_epoch=3", "trainer.max_epoch: unknown key, did you mean 'trainer.max_epochs'?"),
        ("nothing_like_it=3", "nothing_like_it: unknown key (+nothing_like_it=… adds one that the config does not"),
        ("~max_iterations", "~max_iterations: is null already"),
        ("~debug=true", "~debug: its value is False: remove the key with ~debug"),
        ("algorithm=vae", "algorithm=…: belongs to another group: algorithm@model=…"),
        ("features=digits", "features=…: belongs to another group: features@data.evaluator.features=…"),
        ("+data=mnist", "data: is chosen already: data=… chooses another option"),
        ("hydra.run.dir=/proc/nowhere/run", "hydra.run.dir=/proc/nowhere/run: No such file or directory"),
        (
            "seed=a (b)",
            "seed=a (b): not of the form key=value; a value with spaces, brackets, commas or = needs quotes",
        ),
        ("seed=1,2", "seed=1,2: several values make a sweep, which needs -m; a list is written key=[1,2]"),
        ("objective=[0]", "objective=0: no such option (objective: binary_cross_entropy, hinge, "),
        ("objective=1e3", "objective=1e3: no such option (objective: binary_cross_entropy, hinge, "),
        ("objective={a:1}", "objective={a:1}: no such option (objective: binary_cross_entropy, hinge, "),
        (
            "+hydra.sweeper.params.seed=1",
            "+hydra.sweeper.params.seed=1 data=digits: cannot be composed: --help shows which",
        ),
        ("objective=null", "objective=null: the group needs an option; --help lists them"),
        ("seed.x=3", "seed.x: "),
        ("~model._target_", "model="),
        # interpolated values
        ("data.sample_shape=${nope.x}", "data.sample_shape: refers to nope.x, which is not set"),
        ("data.sample_shape=${.nope}", "data.sample_shape: refers to nope, which is not set"),
        ("hydra.run.dir=${nope}", "hydra.run.dir: refers to nope, which is not set"),
        ("data.seed=${oc.env:NOPE_NOPE}", "data.seed: refers to the environment variable NOPE_NOPE, which is not set"),
        ("data.seed=${data.seed}", "data.seed: refers to itself"),
        ("data.seed=${seed.x}", "data.seed: refers to seed.x, which is not set"),
        ("data.seed=${nope:1}", "data.seed: there is no resolver ${nope:…}"),
        ("name='${seed'", "name: holds a ${…} that cannot be read: its braces and quotes must be closed"),
        ("data.sample_shape=${packed:3}", "data.sample_shape: packed() missing 1 required positional argument: 'size'"),
        ("data=image_folder", "data.root is not set: data.root=…"),
    ],
)
def test_error_is_one_line(run, tmp_path, argument, line):
    result = run("train", argument, *([] if argument.startswith("data=") else ["data=digits"]))
    assert result.code == 2
    (message,) = result.err.splitlines()
    assert message.startswith(f"error: {line}")
    assert not any(text in message for text in HYDRA_TEXTS)
    assert not (tmp_path / "outputs").exists()


def test_group_without_an_option_is_named_beside_numbers(run):
    result = run("train", "max_iterations=3", "logger=null")
    assert result.err == "error: logger=null: the group needs an option; --help lists them\n"


def test_error_of_our_resolver_keeps_its_text(run, tmp_path):
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (30, 30)).save(tmp_path / "pictures" / "a.png")
    result = run("train", "data=image_folder", "data.root=pictures", "conditional=true")
    reason = "holds 1 image, but not in subfolders, one for each class: make these, or leave out conditional=true"
    assert result.err == f"error: conditional=true: data.root=pictures: {reason}\n"


def test_number_of_classes_is_that_of_the_folders(run, only_run, tmp_path):
    for name in ("cats", "dogs/small", ".hidden", "notes"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
    (tmp_path / "pictures" / "notes" / "a.txt").write_text("no picture")
    (tmp_path / "pictures" / "README").write_text("no picture")
    for i in range(8):
        for folder in ("cats", "dogs/small"):
            Image.new("L", (12, 12), 16 * i).save(tmp_path / "pictures" / folder / f"{i}.png")
    small = ["data.image_size=12", "data.channels=1", "data.batch_size=8", "model.generator.hidden_dims=[4]"]
    quiet = ["callbacks.evaluation=null", "callbacks.collapse_alarm=null", "trainer=cpu", "max_iterations=1"]
    result = run("train", "data=image_folder", "data.root=pictures", "conditional=true", *small, *quiet)
    assert result.code == 0, result.err
    config = json.loads((only_run() / "manifest.json").read_text())["config"]
    assert config["data"]["num_classes"] == config["model"]["generator"]["num_classes"] == 2


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"# @package _global_\nname:\tx\n", "own/experiment/mine.yaml, line 2, column 6: no YAML: found character"),
        (b"# @package _global_\nname: x\nname: y\n", "mine.yaml, line 3, column 1: no YAML: found duplicate key name"),
        (b"name: [\n", "own/experiment/mine.yaml, line 2, column 1: no YAML: expected the node content"),
        (b"name: \xff\n", "own/experiment/mine.yaml: no YAML ('utf-8' codec can't decode byte 0xff in position 6"),
        (b"\xef\xbb\xbf# @package _global_\nname: x\n", "experiment: unknown key: its file must begin with the line"),
        (b"", "experiment: unknown key: its file must begin with the line '# @package _global_'"),
    ],
)
def test_own_config_file(run, tmp_path, content, expected):
    path = tmp_path / "own" / "experiment" / "mine.yaml"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    result = run("train", "--config-dir", "own", "data=digits", "experiment=mine")
    assert (result.code, result.err.count("\n"), expected in result.err) == (2, 1, True), result.err
