"""Draw the imports between the parts of the package: python scripts/import_graph.py docs/imports.png

A part is a folder of gan_lightning/, or a module directly in it. A part is drawn above those that it may import. Red
arrows are imports that break this rule.
"""

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from gan_lightning.commands.entry import command
from gan_lightning.commands.options import Parser
from gan_lightning.paths import PACKAGE

LAYERS = [  # a part may import from its own layer and those before
    {"errors", "files", "paths", "tables", "marks", "system"},
    {"modalities"},
    {"data", "networks", "imaging"},
    {"algorithms"},
    {"metrics"},
    {"latents"},
    {"callbacks"},
    {"config"},
    {"runs"},
    {"provenance"},
    {"chain"},
    {"search"},
    {"studio"},
    {"commands"},
]
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}


def files() -> list[Path]:
    """Return the modules of the package."""
    return sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem != "__init__")


def part_of(path: Path) -> str:
    """Return the part that a module belongs to: its folder in the package, or its own name."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the part and the statement of each import in a file, except imports for type checkers."""
    statements: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while statements:
        node = statements.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            statements += node.orelse
            continue
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: {ast.unparse(node)}: use an absolute import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            package, _, rest = name.partition(".")
            if package == "gan_lightning":
                yield rest.partition(".")[0], ast.unparse(node)
        statements += ast.iter_child_nodes(node)


def draw(path: Path) -> None:
    """Write the graph as a PNG file; parts that are single modules are left out."""
    from matplotlib.figure import Figure

    layers = [[part for part in sorted(layer) if (PACKAGE / part).is_dir()] for layer in LAYERS]
    positions = {  # layers alternate between left and right, so that arrows pass the parts
        part: (2.4 * (i - (len(layer) - 1) / 2) + (0.5 if level % 2 else -0.5), level)
        for level, layer in enumerate(layers)
        for i, part in enumerate(layer)
    }
    arrows = {(part_of(file), other) for file in files() for other, _ in imported(file)}
    figure = Figure((7, 8), layout="constrained")
    axes = figure.add_subplot()
    for importer, other in sorted(arrows):
        if importer in positions and other in positions and importer != other:
            start, end = positions[importer], positions[other]
            upward = end[1] > start[1]
            bend = 0.12 * (start[1] - end[1] - 1)
            style = {"arrowstyle": "->", "color": "tab:red" if upward else "tab:grey", "shrinkA": 14, "shrinkB": 14}
            axes.annotate("", end, start, arrowprops=style | {"connectionstyle": f"arc3,rad={min(bend, 0.6)}"})
    for part, position in positions.items():
        axes.text(*position, part, ha="center", va="center", bbox={"boxstyle": "round", "facecolor": "white"})
    for lower, upper in pairwise(range(len(layers))):
        axes.axhline((lower + upper) / 2, color="whitesmoke", zorder=0)
    axes.set(xlim=(-4, 4), ylim=(-0.6, len(layers) - 0.4))
    axes.axis("off")
    figure.savefig(path, dpi=100)


@command
def main() -> None:
    parser = Parser(description=__doc__)
    parser.add_argument("path", type=Path, help="PNG file to write")
    draw(parser.parse_args().path)


if __name__ == "__main__":
    main()
