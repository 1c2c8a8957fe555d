"""Draw which rooms of the package import which: python scripts/import_graph.py docs/imports.png

A room stands above those that it may import from. An arrow is red where an import runs upward.
"""

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from matplotlib.figure import Figure

from gan_lightning.commands.entry import command
from gan_lightning.commands.options import Parser
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


def files() -> list[Path]:
    """Return the modules of the package."""
    return sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem != "__init__")


def room_of(path: Path) -> str:
    """Return the room that a module is in: its folder, or its own name where it lies flat in the package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """Yield each room that a file imports from, with the statement; imports for type checkers do not count."""
    statements: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
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


def draw(path: Path) -> None:
    """Write the graph of the rooms that are folders."""
    rooms = [[room for room in sorted(layer) if (PACKAGE / room).is_dir()] for layer in LAYERS]
    places = {
        room: (2.4 * (i - (len(layer) - 1) / 2) + (0.5 if level % 2 else -0.5), level)
        for level, layer in enumerate(rooms)
        for i, room in enumerate(layer)
    }
    arrows = {(room_of(file), other) for file in files() for other, _ in imported(file)}
    figure = Figure((7, 8), layout="constrained")
    axes = figure.add_subplot()
    for begin, end in sorted(arrows):
        if begin in places and end in places and begin != end:
            upward = places[end][1] > places[begin][1]
            bend = 0.12 * (places[begin][1] - places[end][1] - 1)
            style = {"arrowstyle": "->", "color": "tab:red" if upward else "tab:grey", "shrinkA": 14, "shrinkB": 14}
            axes.annotate(
                "", places[end], places[begin], arrowprops=style | {"connectionstyle": f"arc3,rad={min(bend, 0.6)}"}
            )
    for room, place in places.items():
        axes.text(*place, room, ha="center", va="center", bbox={"boxstyle": "round", "facecolor": "white"})
    for lower, upper in pairwise(range(len(rooms))):
        axes.axhline((lower + upper) / 2, color="whitesmoke", zorder=0)
    axes.set(xlim=(-4, 4), ylim=(-0.6, len(rooms) - 0.4))
    axes.axis("off")
    figure.savefig(path, dpi=100)


@command
def main() -> None:
    parser = Parser(description=__doc__)
    parser.add_argument("path", type=Path, help="of the PNG file")
    draw(parser.parse_args().path)


if __name__ == "__main__":
    main()
