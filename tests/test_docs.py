"""The commands in README.md and docs/ work as they are written there."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SHORTER = "max_iterations=20 callbacks.evaluation=null"


def blocks(page):
    """Return the bash blocks of a page."""
    return re.findall(r"^```bash\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


def documented_commands():
    """Yield name, arguments and page of each documented command that has a config."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for page in pages:
        for block in blocks(page):
            for line in block.replace("\\\n", " ").splitlines():
                scripts = "generate|evaluate|search|export|directions|stylize"
                found = re.match(rf"(?:\w+=\S+ )*python (train|scripts/(?:{scripts}))\.py (.*)", line)
                if found:
                    arguments = [word for word in shlex.split(found[2], comments=True) if "…" not in word]
                    yield Path(found[1]).name, arguments, str(page.relative_to(ROOT))


def test_documented_commands_compose(run, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests" / "toy"))
    monkeypatch.syspath_prepend(ROOT / "tests" / "toy")
    checked = 0
    for name, arguments, page in documented_commands():
        # One job of a sweep, and no run that an example only supposes.
        supposed = ("resume=", "reproduce=", "sweep.resume=", "hydra/launcher=", "hydra.launcher.", "objective=mine")
        supposed += ("objective=non_saturating,pearson_chi2",)
        if any(argument.startswith(supposed) for argument in arguments):
            continue
        single = [argument for argument in arguments if argument != "-m"]
        if "-m" in arguments:
            single = [re.sub(r"^([^\[{]*?),.*", r"\1", argument) for argument in single]
        single = [str(ROOT / word) if word.startswith("tests/toy") else word for word in single]
        result = run(name, *single, "--cfg", "job")
        assert result.code == 0, (page, single, result.err)
        checked += 1
    assert checked >= 40


def walk(page, folder, changes):
    """Run the commands of a page in a folder, word for word but for a shorter training and ``changes``."""
    for name in ("train.py", "scripts"):
        (folder / name).symlink_to(ROOT / name)
    commands = "".join(blocks(page))
    shorter = {"source .venv/bin/activate\n": "", "experiment=quickstart": f"experiment=quickstart {SHORTER}"}
    for what, by in (shorter | changes).items():
        assert what in commands
        commands = commands.replace(what, by)
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    for name in [name for name in environment if name.startswith(("GAN_CHAIN", "GAN_IDENTITY"))]:
        del environment[name]
    result = subprocess.run(["bash", "-c", commands], cwd=folder, env=environment, capture_output=True, text=True)
    assert "rror" not in result.stderr, result.stderr
    return result


@pytest.mark.slow
def test_the_walk_through_provenance(tmp_path):
    result = walk("docs/how-to/sign.md", tmp_path, {"/tmp/forger": str(tmp_path / "forger")})
    verdicts = re.findall(
        r"^\S+: (trusted|tampered|valid but|stripped|regenerates|unknown)", result.stdout, re.MULTILINE
    )
    assert verdicts == ["trusted"] * 18 + ["tampered", "unknown", "valid but", "stripped", "regenerates"], result.stdout
    for line in (
        r"record 1, added with: 16 records, root [0-9a-f]{64}, signed by Jane Doe, Example, ",
        r"record 1 was added with: 16 records, ",
        r"unchanged: 16 records, 1 roots; newest: ",
        r"outputs/demo/checkpoints/last.ckpt.contribution-[0-9a-f]{8}.intoto.json",
        r"ValidationState.TRUSTED|Trusted",
    ):
        assert re.search(f"^({line})", result.stdout, re.MULTILINE), (line, result.stdout)
