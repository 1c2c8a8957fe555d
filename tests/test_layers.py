"""Imports between the rooms of the package run downward only."""

import ast

import pytest

from gan_lightning.paths import PACKAGE

LAYERS = [
    {"errors", "files", "paths", "tables", "marks", "system"},
    {"modalities"},
    {"data", "networks"},
    {"algorithms"},
    {"metrics"},
    {"callbacks"},
    {"config"},
    {"runs"},
    {"provenance"},
    {"search"},
    {"commands"},
]
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem != "__init__")


def imported(path):
    """The rooms that a file imports something of, with the statement; what only type checkers see does not count."""
    statements = [ast.parse(path.read_text())]
    while statements:
        node = statements.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            statements += node.orelse
            continue
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: {ast.unparse(node)}: written in full, please"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            package, _, rest = name.partition(".")
            if package == "gan_lightning":
                yield rest.partition(".")[0], ast.unparse(node)
        statements += ast.iter_child_nodes(node)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_import_runs_upward(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert room in LEVEL, f"{room} has no place in LAYERS"
    upward = [statement for other, statement in imported(path) if LEVEL.get(other, -1) > LEVEL[room]]
    assert not upward, f"{path.relative_to(PACKAGE)} imports from above: {upward}"


def test_a_planted_import_is_found(tmp_path):
    (tmp_path / "a.py").write_text("def f():\n    from gan_lightning.runs.sweep import summarize\n")
    assert [room for room, _ in imported(tmp_path / "a.py")] == ["runs"]
