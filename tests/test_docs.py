"""Commands in docs/, as they stand there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SHORTER = "max_iterations=20 callbacks.evaluation=null"


def blocks(page):
    """The bash blocks of a page."""
    return re.findall(r"^```bash\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_walk_through_provenance(tmp_path):
    for name in ("train.py", "scripts"):
        (tmp_path / name).symlink_to(ROOT / name)
    commands = "".join(blocks("docs/how-to/sign.md"))
    changes = {
        "source .venv/bin/activate\n": "",
        "experiment=quickstart": f"experiment=quickstart {SHORTER}",
        "/tmp/forger": str(tmp_path / "forger"),
    }
    for what, by in changes.items():
        assert what in commands
        commands = commands.replace(what, by)
    programs = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    environment.pop("GAN_IDENTITY_DIR", None)
    result = subprocess.run(["bash", "-c", commands], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "rror" not in result.stderr, result.stderr
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
