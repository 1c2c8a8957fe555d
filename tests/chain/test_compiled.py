"""The committed contract is what its source compiles to, and passes its tests in forge."""

import shutil
import subprocess

import pytest

from gan_lightning.paths import PACKAGE
from tests.conftest import ROOT

FOLDER = ROOT / "scripts" / "contract"


@pytest.fixture(autouse=True)
def node_packages() -> None:
    if shutil.which("node") is None or not (FOLDER / "node_modules" / "solc").is_dir():
        pytest.skip("the Solidity compiler is missing: install Node.js and run `make contract`")


@pytest.mark.slow
def test_committed_contract_is_compiled_from_its_source(tmp_path):
    output = tmp_path / "Works.json"
    subprocess.run(["node", FOLDER / "compile.js", PACKAGE / "chain", output], check=True)
    assert output.read_bytes() == (PACKAGE / "chain" / "Works.json").read_bytes(), "run `make contract`"


@pytest.mark.slow
def test_forge_tests_pass(tmp_path):
    folder = tmp_path / "scripts" / "contract" / "forge"
    shutil.copytree(FOLDER / "forge", folder, ignore=shutil.ignore_patterns("out", "cache"))
    (folder.parent / "node_modules").symlink_to(FOLDER / "node_modules")
    shutil.copytree(PACKAGE / "chain", tmp_path / "gan_lightning" / "chain")
    forge = FOLDER / "node_modules" / ".bin" / "forge"
    if not forge.exists():
        pytest.skip("forge is missing: run `make contract`")
    result = subprocess.run([forge, "test"], cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "8 tests passed, 0 failed, 0 skipped" in result.stdout
