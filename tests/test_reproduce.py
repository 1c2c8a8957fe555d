"""Old runs that are reproduced from their records."""

import json

import pytest

from tests.conftest import FAST

RUN = [*FAST, "seed=3", "conditional=true", "max_iterations=10"]


@pytest.fixture
def old(trained_once, tmp_path):
    trained_once("old", *RUN, "hydra.run.dir=old")
    return tmp_path / "old"


def change(path, *keys, value):
    content = json.loads(path.read_text())
    node = content
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = value
    path.write_text(json.dumps(content))


def test_equal_results(run, old, only_run):
    result = run("train", "reproduce=old")
    assert result.code == 0, result.err
    assert "reproduced old: " in result.out
    assert "tensors are equal, bit for bit" in result.out
    manifest = json.loads((only_run() / "manifest.json").read_text())
    assert (manifest["seed"], manifest["config"]["conditional"]) == (3, True)
    assert run("train", f"reproduce={only_run()}", "hydra.run.dir=third").code == 0


@pytest.mark.slow
def test_resumed_run(run):
    run("train", *RUN[:-1], "max_iterations=5", "hydra.run.dir=old")
    run("train", "resume=old", "max_iterations=10")
    result = run("train", "reproduce=old")
    assert result.code == 0, result.err
    assert "reproduced old" in result.out


def test_different_results(run, old):
    change(old / "metrics.json", "loss/generator", value=0.5)
    change(old / "manifest.json", "hardware", "threads", value=64)
    result = run("train", "reproduce=old")
    assert result.code == 1
    assert "not reproduced old: loss/generator" in result.out
    assert "(was 0.5)" in result.out
    assert "hardware (see both manifest.json)" in result.out


def test_changed_defaults(run, old, tmp_path):
    change(old / "manifest.json", "config", "model", "generator", "latent_dim", value=50)
    result = run("train", "reproduce=old")
    assert result.code == 2
    assert "model.generator.latent_dim=100 now, but 50 then: set model.generator.latent_dim=50" in result.err
    assert not (tmp_path / "outputs").exists()
    assert "model.generator.latent_dim=50 now" not in run("train", "reproduce=old", "model.latent_dim=50").err


@pytest.mark.slow
def test_runs_that_cannot_be_reproduced(run, old):
    for arguments, expected in [
        (["reproduce=nowhere"], "reproduce=nowhere: not the folder of a run"),
        (["-m", "reproduce=old"], "leave out -m"),
    ]:
        result = run("train", *arguments)
        assert (result.code, result.err.count("\n")) == (2, 1)
        assert expected in result.err
    change(old / "manifest.json", "status", value="interrupted")
    assert "only a finished run" in run("train", "reproduce=old").err
    (old / "manifest.json").write_text("[]")
    assert "no manifest.json of a run there" in run("train", "reproduce=old").err


@pytest.mark.parametrize("key", ["resume", "reproduce"])
@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        ("- model.prior._target_=os.getcwd", "model.prior._target_=os.getcwd: comes from a file"),
        ("- +model.prior._target_=os.getcwd\n- trust_code=[os]", "model.prior._target_=os.getcwd: comes from a file"),
        ("- 'model.prior={_target_: os.getcwd}'", "model.prior._target_=os.getcwd: comes from a file"),
        ("- 'callbacks.mine={deep: [{_target_: os.getcwd}]}'", "deep[0]._target_=os.getcwd: comes from a file"),
        ("- model.prior._target_=${name}", "model.prior._target_=${name}: comes from a file"),
        ("- 'model.prior=${oc.create:x}'", "plain values only"),
        ("- --config-dir=elsewhere", "not of the form key=value"),
        ("- -m", "not of the form key=value"),
        ("- seed=1,2", "no single value"),
        ("- {a: b}", "no list of key=value"),
        ("a: b", "no list of key=value"),
        ("\0", "cannot be read"),
        ("- [", "cannot be read"),
    ],
)
def test_recorded_overrides_are_not_trusted(run, old, key, recorded, expected):
    before = sorted(old.rglob("*"))
    (old / ".hydra" / "overrides.yaml").write_text(recorded)
    result = run("train", f"{key}=old")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert expected in result.err
    assert sorted(old.rglob("*")) == before


def test_overrides_without_effect_on_results_are_not_repeated(run, old):
    """Hydra's own keys could call any function before a run starts."""
    recorded = [*RUN, "hydra.callbacks.mine._target_=os.getcwd", "hydra/launcher=nowhere", "debug=true"]
    (old / ".hydra" / "overrides.yaml").write_text(json.dumps(recorded))
    assert "reproduced old: " in run("train", "reproduce=old").out


@pytest.mark.slow
def test_own_code_in_the_config(run, tmp_path, monkeypatch):
    (tmp_path / "of_mine.py").write_text(
        "import gan_lightning.algorithms.priors\n\nclass Prior(gan_lightning.algorithms.priors.Normal): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    own = ["model.prior._target_=of_mine.Prior", "max_iterations=5"]
    assert run("train", *RUN[:-1], *own, "hydra.run.dir=old").code == 0
    assert "if you know it, trust_code=[of_mine]" in run("train", "resume=old", "max_iterations=10").err
    assert run("train", "resume=old", "max_iterations=10", "trust_code=[of_mine]").code == 0


@pytest.mark.slow
def test_damaged_manifest(run, old):
    for content in ("{", "[]", '{"segments": 3}'):
        (old / "manifest.json").write_text(content)
        result = run("train", "resume=old", "max_iterations=20")
        assert result.code == 2
        assert "manifest.json: no manifest of a run: remove it" in result.err.splitlines()[-1]
    (old / "manifest.json").unlink()
    assert run("train", "resume=old", "max_iterations=20").code == 0
