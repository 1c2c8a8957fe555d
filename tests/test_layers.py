"""Imports between the rooms of the package run downward only."""

import pytest

from gan_lightning.paths import PACKAGE
from scripts.import_graph import LEVEL, draw, files, imported, room_of


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_import_runs_upward(path):
    room = room_of(path)
    assert room in LEVEL, f"{room} has no place in LAYERS of scripts/import_graph.py"
    upward = [statement for other, statement in imported(path) if LEVEL.get(other, -1) > LEVEL[room]]
    assert not upward, f"{path.relative_to(PACKAGE)} imports from above: {upward}"


def test_a_planted_import_is_found(tmp_path):
    (tmp_path / "a.py").write_text("def f():\n    from gan_lightning.runs.sweep import summarize\n")
    assert [room for room, _ in imported(tmp_path / "a.py")] == ["runs"]


def test_picture(tmp_path):
    draw(tmp_path / "imports.png")
    assert (tmp_path / "imports.png").stat().st_size > 10_000
