"""Old names of options and keys are refused in one line with the new name; recorded runs may have them."""

import importlib.util
import shutil
import sys

import pytest
import torch
from omegaconf import OmegaConf

from gan_lightning.commands import identity, ledger, statement, verify
from gan_lightning.runs.folders import recorded_sweep
from tests.conftest import FAST, ROOT


@pytest.mark.parametrize(
    ("command", "arguments", "expected"),
    [
        (identity, ["init", "name=Jane Doe", "organization=Example"], "name=Jane Doe: write --name 'Jane Doe'"),
        (identity, ["init", "--name", "x", "organization=y"], "organization=y: write --organization y"),
        (identity, ["init", "key=a", "root=b"], "key=a: write gan-identity adopt --key a"),
        (identity, ["export", "output=root.pem"], "output=root.pem: write --output root.pem"),
        (verify, ["--trust", "root.pem", "a.png"], "--trust: write --trust-root"),
        (verify, ["a.png", "--trust=root.pem"], "--trust=root.pem: write --trust-root root.pem"),
        (verify, ["a.png", "--package", "mine"], "--package: write --trust-code"),
        (ledger, ["root", "ledger", "--trust", "root.pem"], "--trust: write --trust-root"),
        (ledger, ["check", "ledger", "--file", "a", "--package", "mine"], "--package: write --trust-code"),
        (statement, ["checkpoint", "run", "--package", "mine"], "--package: write --trust-code"),
    ],
)
def test_options_of_commands_over_files(called, command, arguments, expected):
    assert called(command.main, *arguments) == (2, f"error: {expected}")


def test_option_of_compare(called, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    spec = importlib.util.spec_from_file_location("compare", ROOT / "scripts" / "compare.py")
    compare = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(compare)
    monkeypatch.setitem(sys.modules, "compare", compare)
    assert called(compare.main, "run", "--trust", "mine") == (2, "error: --trust: write --trust-code")


@pytest.mark.parametrize("command", ["train", "generate", "evaluate"])
@pytest.mark.parametrize("plus", ["", "+"])
def test_key_of_commands_with_a_config(run, tmp_path, command, plus):
    result = run(command, "checkpoint=run", f"{plus}trust=[mine]")
    expected = f"error: {plus}trust=[mine]: write trust_code=[mine]\n"
    assert (result.code, result.err) == (2, expected)
    assert not (tmp_path / "outputs").exists()


def test_command_without_the_key_refuses_both_names(run):
    for key in ("trust", "trust_code"):
        result = run("search", f"{key}=[mine]")
        assert (result.code, result.err.startswith(f"error: {key}: unknown key")) == (2, True), result.err


def test_run_recorded_with_the_old_key(run, tmp_path):
    """The run can be loaded, resumed by its folder and by ``auto``, and reproduced."""
    assert run("train", *FAST, "max_iterations=1", "name=mine", "hydra.run.dir=outputs/mine/run").code == 0
    folder = tmp_path / "outputs" / "mine" / "run"
    for path in (folder / ".hydra" / "config.yaml", folder / "manifest.json"):
        content = path.read_text()
        assert content.count("trust_code") == 1
        path.write_text(content.replace("trust_code", "trust"))
    overrides = folder / ".hydra" / "overrides.yaml"
    OmegaConf.save([*OmegaConf.load(overrides), "trust=[mine]"], overrides)
    path = folder / "checkpoints" / "last.ckpt"
    content = torch.load(path, weights_only=True)
    content["config"]["trust"] = content["config"].pop("trust_code")
    torch.save(content, path)
    shutil.copytree(folder, tmp_path / "copy")

    for arguments in (["generate", "n=4"], ["evaluate", "n=32", "seeds=[0]"]):
        result = run(arguments[0], "checkpoint=copy", *arguments[1:])
        assert result.code == 0, result.err
    result = run("train", "resume=copy", "max_iterations=2")
    assert result.code == 0, result.err
    result = run("train", *FAST, "max_iterations=1", "name=mine", "resume=auto")
    assert result.code == 0, result.err
    assert sorted(folder.parent.iterdir()) == [folder]
    result = run("train", "reproduce=copy", "hydra.run.dir=again")
    assert result.code == 0, result.err


def test_sweep_recorded_with_the_old_key(tmp_path):
    overrides = {"task": ["seed=1,2", "trust=[mine]"], "hydra": []}
    OmegaConf.save({"hydra": {"overrides": overrides}}, tmp_path / "multirun.yaml")
    assert recorded_sweep(str(tmp_path), []) == ["seed=1,2"]
