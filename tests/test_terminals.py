"""Terminals with few characters, streams that are closed or full, and readers that close the pipe."""

import ast
import os
import subprocess
import sys

import pytest

from gan_lightning.paths import PACKAGE
from tests.conftest import FAST, ROOT

PLAIN_LOCALE = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
PRINTS = """
import os, sys
from gan_lightning.commands.entry import command

@command
def main():
    print("0.1 ± 0.2 × grün 数")
    os.makedirs("run", exist_ok=True)
    with open("run/file", "w") as file:
        assert file.fileno() > 2 and sys.stdin.read() == ""
        file.write("whole")
    print("said", file=sys.stderr)

main()
"""
PROGRAMS = {
    "prints": [sys.executable, "prints.py"],
    "train": [sys.executable, str(ROOT / "train.py")],
    "verify": [sys.executable, "-m", "gan_lightning.commands.verify"],
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "prints.py").write_text(PRINTS, encoding="utf-8")
    return tmp_path


def shell(folder, program, rest="", **environment):
    """Run a program with the redirections in ``rest``; return its exit code, stdout and stderr."""
    command = ["bash", "-c", f'"$@" {rest}', "bash", *program]
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)} | environment
    result = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert "Traceback" not in result.stderr
    return result.returncode, result.stdout, result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "ascii"}, PLAIN_LOCALE], ids=["ascii", "C"])
def test_ascii_terminal_gets_substitutes(folder, environment):
    expected = "0.1 +- 0.2 x gr\\xfcn \\u6570\n"
    assert shell(folder, PROGRAMS["prints"], **environment) == (0, expected, "said\n")
    code, said, _ = shell(folder, [*PROGRAMS["train"], "--help"], **environment)
    assert (code, "experiment=quickstart" in said) == (0, True)
    assert shell(folder, [*PROGRAMS["verify"], "--help"], **environment)[0] == 0


@pytest.mark.slow
def test_run_on_an_ascii_terminal(tmp_path):
    run = [*PROGRAMS["train"], *FAST, "max_iterations=2"]
    code, said, err = shell(tmp_path, [*run, "hydra.run.dir=plain"], **PLAIN_LOCALE)
    assert (code, err) == (0, "")
    assert "1,797 examples 1x" in said
    assert "1,797 examples 1×" in (tmp_path / "plain" / "train.log").read_text(encoding="utf-8")
    code, _, err = shell(tmp_path, [*run, "hydra.run.dir=größe"], **PLAIN_LOCALE)
    assert code == 2
    assert err.endswith("is no text in ascii: set PYTHONUTF8=1, or rename the file\n")


@pytest.mark.parametrize(
    ("closed", "out", "err"),
    [
        ("<&-", "0.1 ± 0.2 × grün 数\n", "said\n"),
        ("2>&-", "0.1 ± 0.2 × grün 数\nsaid\n", ""),
        (">&-", "", "0.1 ± 0.2 × grün 数\nsaid\n"),
        ("<&- >&- 2>&-", "", ""),
    ],
)
def test_closed_streams_are_redirected(folder, closed, out, err):
    assert shell(folder, PROGRAMS["prints"], closed) == (0, out, err)
    assert (folder / "run" / "file").read_text(encoding="utf-8") == "whole"


@pytest.mark.slow
def test_error_goes_to_stdout_if_stderr_is_closed(tmp_path):
    code, out, err = shell(tmp_path, [*PROGRAMS["train"], "seeed=1"], "2>&-")
    assert (code, out.startswith("error: seeed: unknown key"), err) == (2, True, "")
    code, out, err = shell(tmp_path, [*PROGRAMS["train"], "seeed=1"], "2>/dev/full")
    assert (code, out, err) == (2, "", "")


@pytest.mark.parametrize("program", [PROGRAMS["prints"], [*PROGRAMS["train"], "--help"]], ids=["prints", "help"])
def test_full_disk_behind_stdout_is_an_error(folder, program):
    code, _, err = shell(folder, program, ">/dev/full")
    assert code == 2
    assert err.endswith(
        "error: standard output: cannot be written (No space left on device): everything else is done\n"
    )


@pytest.mark.slow
def test_run_with_unwritable_stdout_is_complete(tmp_path):
    code, _, err = shell(tmp_path, [*PROGRAMS["train"], *FAST, "max_iterations=2", "hydra.run.dir=run"], ">/dev/full")
    assert (code, err.count("\n")) == (2, 1)
    assert {"checkpoints", "metrics.json", "manifest.json"} <= set(os.listdir(tmp_path / "run"))


@pytest.mark.slow
def test_closed_pipe_is_not_an_error(tmp_path):
    code, out, err = shell(tmp_path, [*PROGRAMS["train"], "--help"], "| head -1; exit ${PIPESTATUS[0]}")
    assert (code, out, err) == (0, "Train a generative model, a GAN or a VAE.\n", "")


@pytest.mark.parametrize(
    "path", [*PACKAGE.rglob("*.py"), *(ROOT / "scripts").rglob("*.py")], ids=lambda path: path.stem
)
def test_text_files_have_an_encoding(path):
    """The default encoding depends on the system."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or ast.unparse(node.func).startswith(("os.", "Image.", "archive.")):
            continue
        if ast.unparse(node.func).rpartition(".")[2] in ("open", "fdopen", "read_text", "write_text"):
            binary = any(
                isinstance(one, ast.Constant) and str(one.value).rstrip("+").endswith("b") for one in node.args
            )
            assert binary or any(one.arg == "encoding" for one in node.keywords), ast.unparse(node)
