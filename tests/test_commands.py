"""Modules of commands/: each is a command that runs with ``python -m``, or reads no command line."""

import ast
import runpy
import subprocess
import sys
import warnings
from contextlib import suppress

import pytest

from gan_lightning.paths import PACKAGE
from tests.conftest import ROOT

MODULES = sorted(path.stem for path in (PACKAGE / "commands").glob("*.py") if path.stem != "__init__")


def tree(module):
    return ast.parse((PACKAGE / "commands" / f"{module}.py").read_text())


def is_command(module):
    return any(isinstance(node, ast.If) and "__name__" in ast.unparse(node.test) for node in tree(module).body)


COMMANDS = [module for module in MODULES if is_command(module)]
WITHOUT_HELP = ("trial", "worker")  # started by other commands


@pytest.mark.parametrize("module", [module for module in COMMANDS if module not in WITHOUT_HELP])
def test_help(tmp_path, monkeypatch, capfd, module):
    """Run as by ``python -m``, but in this process, which has imported torch already."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [module, "--help"])
    with warnings.catch_warnings(), suppress(SystemExit):
        warnings.filterwarnings("ignore", ".*found in sys.modules after import.*")
        runpy.run_module(f"gan_lightning.commands.{module}", run_name="__main__")
    output = capfd.readouterr()
    assert output.err == ""
    assert len(output.out.splitlines()) > 3
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_module_runs_in_another_folder(tmp_path):
    command = [sys.executable, "-m", "gan_lightning.commands.verify", "missing.png"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (2, "error: missing.png: no such file\n")


@pytest.mark.parametrize("module", [module for module in MODULES if not is_command(module)])
def test_other_modules_read_no_command_line(module):
    defined = {node.name for node in tree(module).body if isinstance(node, ast.FunctionDef)}
    assert "main" not in defined
    assert "parse_args" not in ast.unparse(tree(module))


def test_installed_programs_are_modules():
    import tomllib

    programs = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert {name.removeprefix("gan-").replace("-", "_") for name in programs} <= {m for m in MODULES if is_command(m)}


@pytest.mark.parametrize("arguments", [["--help"], ["-c", "job"]])
def test_help_needs_no_torch(arguments):
    code = (
        "import sys; from gan_lightning.commands import cli\n"
        f"sys.argv = ['train.py', *{arguments}]\n"
        "try: cli.train()\n"
        "finally: assert not {'torch', 'lightning'} & set(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
