"""Old runs that are run again from what they recorded."""

import json

import pytest

from tests.conftest import FAST

RUN = [*FAST, "seed=3", "conditional=true", "max_iterations=10"]


@pytest.fixture
def old(run, tmp_path):
    assert run("train", *RUN, "hydra.run.dir=old").code == 0
    return tmp_path / "old"


def change(path, *keys, value):
    content = json.loads(path.read_text())
    node = content
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = value
    path.write_text(json.dumps(content))


def test_the_same(run, old, only_run):
    result = run("train", "reproduce=old")
    assert result.code == 0, result.err
    assert "reproduced old: " in result.out
    assert "tensors are the same, bit for bit" in result.out
    manifest = json.loads((only_run() / "manifest.json").read_text())
    assert (manifest["seed"], manifest["config"]["conditional"]) == (3, True)
    assert run("train", f"reproduce={only_run()}", "hydra.run.dir=third").code == 0


def test_a_resumed_run(run):
    run("train", *RUN[:-1], "max_iterations=5", "hydra.run.dir=old")
    run("train", "resume=old", "max_iterations=10")
    result = run("train", "reproduce=old")
    assert result.code == 0, result.err
    assert "reproduced old" in result.out


def test_not_the_same(run, old):
    change(old / "metrics.json", "loss/generator", value=0.5)
    change(old / "manifest.json", "hardware", "threads", value=64)
    result = run("train", "reproduce=old")
    assert result.code == 1
    assert "not reproduced old: loss/generator" in result.out
    assert "(was 0.5)" in result.out
    assert "hardware (see both manifest.json)" in result.out


def test_defaults_that_have_changed(run, old, tmp_path):
    change(old / "manifest.json", "config", "model", "latent_dim", value=50)
    result = run("train", "reproduce=old")
    assert result.code == 2
    assert "model.latent_dim=100 now, but 50 then: model.latent_dim=50" in result.err
    assert not (tmp_path / "outputs").exists()
    assert "model.latent_dim=50 now" not in run("train", "reproduce=old", "model.latent_dim=50").err


def test_what_cannot_be_reproduced(run, old):
    for arguments, expected in [
        (["reproduce=nowhere"], "reproduce=nowhere: not the folder of a run"),
        (["-m", "reproduce=old"], "leave out -m"),
    ]:
        result = run("train", *arguments)
        assert (result.code, result.err.count("\n")) == (2, 1)
        assert expected in result.err
    change(old / "manifest.json", "status", value="interrupted")
    assert "only a finished one" in run("train", "reproduce=old").err
    (old / "manifest.json").write_text("[]")
    assert "no manifest.json of a run there" in run("train", "reproduce=old").err
    (old / ".hydra" / "overrides.yaml").write_text("- model.prior._target_=os.getcwd\n")
    assert "model.prior._target_=os.getcwd: comes from a file" in run("train", "reproduce=old").err
