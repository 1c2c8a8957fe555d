"""Parts of the package import only from lower layers."""

import pytest

from gan_lightning.paths import PACKAGE
from scripts.import_graph import LEVEL, draw, files, imported, part_of


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_import_from_a_higher_layer(path):
    part = part_of(path)
    assert part in LEVEL, f"{part} is missing in LAYERS of scripts/import_graph.py"
    upward = [statement for other, statement in imported(path) if LEVEL.get(other, -1) > LEVEL[part]]
    assert not upward, f"{path.relative_to(PACKAGE)} imports from a higher layer: {upward}"


def test_import_inside_a_function_is_found(tmp_path):
    (tmp_path / "a.py").write_text("def f():\n    from gan_lightning.runs.sweep import summarize\n")
    assert [part for part, _ in imported(tmp_path / "a.py")] == ["runs"]


def test_draw_writes_an_image(tmp_path):
    draw(tmp_path / "imports.png")
    assert (tmp_path / "imports.png").stat().st_size > 10_000
