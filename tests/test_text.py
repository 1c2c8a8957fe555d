"""Text on the command line is taken as it was typed, with any characters."""

import json
import os
import shlex
import signal
import subprocess
import sys

import pytest
import yaml
from PIL import Image

from gan_lightning.commands.overrides import as_typed, value_of
from gan_lightning.config.grammar import read
from gan_lightning.config.settings import EvaluateSettings, SearchSettings, TrainSettings
from gan_lightning.config.text import Keys
from tests.conftest import FAST, ROOT
from tests.processes import ENVIRONMENT, ended, started, wait_for

ODD = [
    *("0", "007", "2026_01_31", "1e3", "1.0", "true", "null", "nan", "a,b", "a (b)", "lr=0.1,b=2", "täst", "[a]"),
    *("{a: 1}", "~x", "a\\", "\\", "it's", 'say "so"', "a$b", "a#b", "str(5)", "choice(1,2)", " a ", "a\nb", "", "-x"),
    *("*", "a\\'b"),
]
QUIET = [*FAST, "callbacks.collapse_alarm=null", "callbacks.sample_grid=null", "max_iterations=1"]
PICTURES = ["data=image_folder", "logger=[tensorboard]"]
TRAIN = Keys("train", TrainSettings, PICTURES)
EVALUATE = Keys("evaluate", EvaluateSettings, ["features=classifier", "data=mnist"])


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("key", ["name", "resume", "data.root", "hydra.run.dir", "+data.licence", "data.evaluator.x"])
def test_text_is_taken_as_typed(key, text):
    argument = f"{key}={text}"
    known = TRAIN.text(key.lstrip("+"))
    if key == "data.evaluator.x":  # an unknown key, which Hydra refuses
        assert known is None
        assert as_typed(argument, TRAIN.text) == argument
    elif text == "null" and known.nullable:
        assert value_of(as_typed(argument, TRAIN.text)) is None
    else:
        assert value_of(as_typed(argument, TRAIN.text)) == text


@pytest.mark.parametrize(
    ("keys", "argument", "value"),
    [
        (EVALUATE, "checkpoint=0", "0"),
        (EVALUATE, "checkpoint=[0,1]", ["0", "1"]),
        (EVALUATE, "checkpoint=[run (1),'b,c', d]", ["run (1)", "b,c", "d"]),
        (EVALUATE, "features.path=5", "5"),
        (EVALUATE, "data.checksums.train-images-idx3-ubyte=12", "12"),
        (EVALUATE, "seeds=[1,2]", [1, 2]),
        (Keys("search", SearchSettings, []), "search.overrides=[data=digits,seed=1]", ["data=digits", "seed=1"]),
        (TRAIN, "name='a (b)'", "a (b)"),  # Hydra's own quotes
        (TRAIN, 'name="1"', "1"),
        (TRAIN, "trust_code=[1]", ["1"]),
        (TRAIN, "trust_code=[]", []),
        (TRAIN, "model=2024", "2024"),
        (TRAIN, "logger.tensorboard.version=5", 5),  # which may be a number
        (TRAIN, "logger.tensorboard.name=5", "5"),
        (TRAIN, "trainer.max_epochs=5", 5),
        (TRAIN, "hydra.job.env_set.A=1e3", "1e3"),
        (TRAIN, "name=x_${seed} (1)", "x_${seed} (1)"),
    ],
)
def test_annotation_of_the_key_decides(keys, argument, value):
    assert value_of(as_typed(argument, keys.text)) == value


@pytest.mark.parametrize(
    ("argument", "values"),
    [
        ("name=1,2_0,a (b),'c,d'", ["1", "2_0", "a (b)", "c,d"]),
        ("model=mlp,2024", ["mlp", "2024"]),
        ("trust_code=[a,1],[b]", [["a", "1"], ["b"]]),
        ("resume=null,x", [None, "x"]),
        ("seed=1,2", [1, 2]),
        ("name=choice(a,b)", ["a", "b"]),
    ],
)
def test_sweep_over_text(argument, values):
    swept = read(as_typed(argument, TRAIN.text, sweep=True).partition("=")[2]).list
    assert [read(one.with_quotes()) if hasattr(one, "with_quotes") else _plain(one) for one in swept] == values


def _plain(value):
    return [getattr(one, "text", one) for one in value] if isinstance(value, list) else value


@pytest.mark.slow
def test_names_made_of_digits(run, tmp_path):
    result = run("train", *QUIET, "hydra.run.dir=0")
    assert result.code == 0, result.err
    for arguments in (["resume=0", "max_iterations=2"], ["reproduce=0"], [*QUIET, "name=2026_01_31"]):
        result = run("train", *arguments)
        assert result.code == 0, result.err
    (named,) = tmp_path.glob("outputs/2026_01_31/*/manifest.json")
    assert json.loads(named.read_text())["config"]["name"] == "2026_01_31"
    assert run("generate", "checkpoint=0", "n=2", "format=files", "output=5").out == "5\n"
    assert len(list((tmp_path / "5").glob("*.png"))) == 2
    result = run("evaluate", "checkpoint=[0]", "output=7", "n=20", "seeds=[0]", "features=random_convolutions")
    assert result.code == 0, result.err
    assert (tmp_path / "7" / "metrics.json").is_file()
    result = run("generate", "checkpoint=8", "n=2")
    assert result.err.startswith("error: checkpoint=8: 8 does not exist")


def test_number_in_a_config_file_where_text_is_needed(run, tmp_path):
    """YAML has already removed the underscores and zeros."""
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "mine.yaml").write_text("# @package _global_\nname: 2026_01_31\n")
    result = run("train", "--config-dir", "conf", "experiment=mine", *QUIET)
    assert (result.code, result.err) == (2, "error: name=20260131: must be text: in quotes, in its file\n")
    assert not (tmp_path / "outputs").exists()


@pytest.mark.slow
def test_own_options_with_names_of_digits(run, tmp_path):
    for group, file in {"model": "mlp", "data": "image_folder"}.items():
        (tmp_path / "conf" / group).mkdir(parents=True)
        content = (ROOT / "conf" / group / f"{file}.yaml").read_text()
        (tmp_path / "conf" / group / "2024.yaml").write_text(content)
    keys = Keys("train", TrainSettings, ["--config-dir=conf", "data=2024", "model=2024,mlp"])
    assert value_of(as_typed("data.licence=1.0", keys.text)) == "1.0"
    result = run("train", "--config-dir", "conf", "-m", "model=2024,mlp", *QUIET, "max_iterations=1,0")
    assert result.code == 1
    command = shlex.split(result.out.partition("to continue: ")[2])
    assert command[1:4] == ["train.py", "--config-dir", "conf"]
    assert run("train", *command[2:]).code == 1  # two jobs cannot start
    (sweep,) = tmp_path.glob("outputs/sweep/*")
    overrides = yaml.safe_load((sweep / "0" / ".hydra" / "overrides.yaml").read_text())
    assert "model='2024'" in overrides
    assert "| 2024 " in result.out


@pytest.mark.slow
@pytest.mark.parametrize("name", ["it's (1), lr=0.1 täst\\", "~x", "'q'", "[a]"])
def test_folders_that_need_quotes(run, tmp_path, name):
    folder = f"./{name}" if name[0] in "'~" else name
    result = run("train", *QUIET, f"hydra.run.dir={folder}")
    assert result.code == 0, result.err
    refused = run("train", *QUIET, f"hydra.run.dir={folder}")
    assert refused.code == 2
    (resume,) = shlex.split(refused.err.partition("a run already: ")[2].partition(", or choose")[0])
    assert run("train", resume, "max_iterations=2").code == 0
    assert json.loads((tmp_path / name / "metrics.json").read_text())["iteration"] == 2
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    assert run("train", f"resume='./{quoted}'", "max_iterations=3").code == 0
    assert run("train", f"reproduce={folder}").code == 0
    assert run("generate", f"checkpoint={folder}", "n=2").out == f"{name}/generated/last_n2_seed0.png\n"


@pytest.mark.slow
def test_sweep_whose_folders_need_quotes(run, tmp_path):
    where = ["hydra.sweep.dir=my (1) täst's", "hydra.sweep.subdir=t=${hydra.job.num}, (x)"]
    result = run("train", "-m", *QUIET, "max_iterations=1,0", *where)
    assert result.code == 1
    assert (tmp_path / "my (1) täst's" / "t=0, (x)" / "metrics.json").is_file()
    command = shlex.split(result.out.partition("to continue: ")[2])
    again = run("train", *command[2:])
    assert again.out.partition("to continue: ")[2] == result.out.partition("to continue: ")[2]
    assert "1 of the 2 started jobs have not finished" in again.out


@pytest.mark.slow
def test_home_in_paths(run, tmp_path, monkeypatch, idx_folder):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    idx_folder.rename(home / "data")
    mnist = ["data=mnist", "data.download=false", "data.checksums=null", *QUIET[1:]]
    monkeypatch.setenv("GAN_DATA_DIR", "~/data")
    result = run("train", *mnist, "data.batch_size=64", "hydra.run.dir=~/run")
    assert result.code == 0, result.err
    for argument in ("resume=~/run", "resume='~/run'"):
        assert run("train", argument, "max_iterations=2").code == 0
    assert run("generate", "checkpoint=~/run", "n=2", "output=~/a.png").code == 0
    assert run("train", "-m", *mnist, "data.batch_size=64", "hydra.sweep.dir=~/sweep", "seed=1,2").code == 0
    assert run("train", "sweep.resume=~/sweep").code == 0
    assert {path.name for path in home.iterdir()} == {"data", "run", "a.png", "sweep"}
    assert not list(tmp_path.glob("~*"))

    monkeypatch.setenv("GAN_DATA_DIR", "")
    assert run("train", *mnist).err.startswith("error: data.root=data: ")
    monkeypatch.setenv("GAN_DATA_DIR", "a${b}")
    line = "error: data.root=a${b}: cannot hold ${…}, which stands for the value of another key\n"
    assert run("train", *mnist).err == line


@pytest.mark.parametrize(("value", "folder"), [("~/x", "home/x"), ("relative", "home/.cache"), ("", "home/.cache")])
def test_cache_follows_the_xdg_specification(run, tmp_path, monkeypatch, value, folder):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    (tmp_path / "pictures").mkdir()
    for i in range(8):
        Image.new("L", (28, 28), 16 * i).save(tmp_path / "pictures" / f"{i}.png")
    result = run("train", "data=image_folder", "data.root=pictures", "data.channels=1", *QUIET[1:], "data.batch_size=4")
    assert result.code == 0, result.err
    assert [path.parent for path in tmp_path.rglob("gan-lightning")] == [tmp_path / folder]
    assert list((tmp_path / folder / "gan-lightning").rglob("*.npy"))


def test_names_that_no_config_can_store(run, tmp_path, monkeypatch):
    lines = []
    monkeypatch.setenv("HOME", "/home")
    for argument in (os.fsdecode(b"hydra.run.dir=b\xff"), os.fsdecode(b"data.root=b\xff")):
        lines.append(run("train", argument, *QUIET).err)
    for key, extra in {"hydra.run.dir": [], "hydra.sweep.dir": ["-m"]}.items():
        lines.append(run("train", *QUIET, *extra, f"{key}=s3://a").err)
        lines.append(run("train", *QUIET, *extra, f"{key}=a$HOME").err)
    (tmp_path / "a${seed}").mkdir()
    lines.append(run("train", "resume=a${seed}").err)
    monkeypatch.chdir(tmp_path / "a${seed}")
    lines.append(run("train", *QUIET).err)
    assert lines == [
        "error: hydra.run.dir=b�: is no text in utf-8: rename the file\n",
        "error: data.root=b�: is no text in utf-8: rename the file\n",
        "error: hydra.run.dir=s3://a: must be a folder of this machine\n",
        "error: hydra.run.dir=a$HOME: the log would lie in a/home: choose another name\n",
        "error: hydra.sweep.dir=s3://a: must be a folder of this machine\n",
        "error: hydra.sweep.dir=a$HOME: the log would lie in a/home: choose another name\n",
        "error: resume=a${seed}: ${…} stands for the value of another key: rename the file\n",
        f"error: {tmp_path}/a${{seed}}: ${{…}} stands for the value of a key: rename the folder\n",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["a${seed}"]


@pytest.mark.slow
def test_printed_command_works_in_a_shell(tmp_path):
    name = "it's (1) täst, $NOWHERE=`x`"
    process = started(
        tmp_path, *QUIET, "max_iterations=100000", "checkpoint.every_n_iterations=5", f"hydra.run.dir={name}"
    )
    wait_for(tmp_path / name / "checkpoints" / "last.ckpt", process)
    process.send_signal(signal.SIGINT)
    code, output = ended(process)
    assert code == 130, output
    command = output.partition("\n  resume ")[2].splitlines()[0]
    environment = os.environ | ENVIRONMENT | {"PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
    result = subprocess.run(
        ["bash", "-c", f"{command} max_iterations=100000 max_cpu_minutes=0.001"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / name / "metrics.json").read_text())["iteration"] > 0
    assert [path.name for path in tmp_path.iterdir()] == [name]
