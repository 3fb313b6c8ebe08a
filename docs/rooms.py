"""Draw which room of the library imports which: ``docs/rooms.svg``.

    python docs/rooms.py            draws the picture anew
    python docs/rooms.py --check    fails when the picture is not what the code gives

The layers are read from ``[tool.importlinter]`` in pyproject.toml, the imports from the
code, with the library that import-linter itself uses. An arrow goes from the room that
imports to the one that is imported; it is left out where a longer way says the same,
and so are the upward calls that the contract lists as exceptions.

The check compares rooms, layers and arrows, not drawings: these differ from one version
of Graphviz to the next.
"""

import argparse
import sys
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import grimp

ROOT = Path(__file__).parents[1]
PICTURE = Path("docs", "rooms.svg")

Edge = tuple[str, str]

_INK, _LINE, _PAPER = "#1b1f24", "#57606a", "#ffffff"
_FILLS = ("#eaf3fb", "#fdf3e1")
"""Of the layers, in turn; dark text stands on a light ground in either theme."""
_LARGE, _SMALL = "13", "10"


@dataclass(frozen=True)
class Rooms:
    """What the picture shows.

    Parameters
    ----------
    layers : tuple of tuple of str
        The rooms of each layer, the highest layer first.
    edges : frozenset of (str, str)
        Who imports whom, without what is implied by others.
    """

    layers: tuple[tuple[str, ...], ...]
    edges: frozenset[Edge]

    @property
    def elements(self) -> frozenset[Edge]:
        """Kind and title of all that is drawn, as they stand in the SVG."""
        lowest = len(self.layers) - 1
        rooms = {
            (f"node layer{lowest - i}", room)
            for i, layer in enumerate(self.layers)
            for room in layer
        }
        return frozenset(rooms | {("edge", f"{a}->{b}") for a, b in self.edges})


def read_rooms(root: Path) -> Rooms:
    """Read layers and imports of a project.

    Parameters
    ----------
    root : Path
        The folder with pyproject.toml and the package.

    Returns
    -------
    Rooms
        What the picture is to show.

    Raises
    ------
    SystemExit
        When there is no contract on layers, or a room stands in none of them.
    """
    settings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    linter = settings["tool"]["importlinter"]
    contracts = [c for c in linter["contracts"] if c["type"] == "layers"]
    if len(contracts) != 1:
        sys.exit(
            "pyproject.toml must have one contract of type 'layers'. "
            f"Got {len(contracts)}."
        )
    package = linter["root_package"]
    sys.path.insert(0, str(root))  # this checkout, not one that is installed
    graph = grimp.build_graph(package, cache_dir=None)
    for expression in contracts[0].get("ignore_imports", []):
        for found in graph.find_matching_direct_imports(expression):
            graph.remove_import(**found)
    there = {name.removeprefix(f"{package}.") for name in graph.find_children(package)}
    there.difference_update(contracts[0].get("exhaustive_ignores", []))
    layers = _layers(contracts[0]["layers"], there)
    homeless = there.difference(*layers)
    if homeless:
        sys.exit(f"These rooms stand in no layer: {', '.join(sorted(homeless))}.")
    for room in there:
        graph.squash_module(f"{package}.{room}")
    edges = {
        (room, target.removeprefix(f"{package}."))
        for room in there
        for target in graph.find_modules_directly_imported_by(f"{package}.{room}")
        if target not in (package, f"{package}.{room}")
    }
    return Rooms(layers, _reduced(edges))


def _layers(lines: Iterable[str], there: set[str]) -> tuple[tuple[str, ...], ...]:
    """Take the lines of the contract apart; rooms that are still to come are absent."""
    named = (
        tuple(name.strip(" ()") for name in line.replace(":", "|").split("|"))
        for line in lines
    )
    present = (tuple(room for room in layer if room in there) for layer in named)
    return tuple(layer for layer in present if layer)


def _reduced(edges: set[Edge]) -> frozenset[Edge]:
    """Leave out each edge whose end is reached without it."""
    kept = set(edges)
    for edge in sorted(edges):
        kept.remove(edge)
        if not _reaches(kept, *edge):
            kept.add(edge)
    return frozenset(kept)


def _reaches(edges: set[Edge], start: str, end: str) -> bool:
    seen, ahead = {start}, [start]
    while ahead:
        here = ahead.pop()
        following = {b for a, b in edges if a == here} - seen
        if end in following:
            return True
        seen |= following
        ahead.extend(following)
    return False


def to_svg(rooms: Rooms) -> bytes:
    """Draw the rooms, a line a layer, with Graphviz.

    Parameters
    ----------
    rooms : Rooms
        What to draw.

    Returns
    -------
    bytes
        The SVG.
    """
    from graphviz import Digraph

    font = {"fontname": "Helvetica,Arial,sans-serif", "fontcolor": _INK}
    graph = Digraph("rooms", format="svg")
    graph.attr(bgcolor=_PAPER, nodesep="0.25", ranksep="0.4", pad="0.2")
    look = {"shape": "box", "style": "rounded,filled", "height": "0.4", "color": _LINE}
    graph.attr("node", fontsize=_LARGE, **look, **font)
    graph.attr("edge", color=_LINE, arrowsize="0.6")
    numbers = [str(i) for i in reversed(range(len(rooms.layers)))]
    for number, layer in zip(numbers, rooms.layers, strict=True):
        line = Digraph()
        line.attr(rank="same")
        plain = {"shape": "plaintext", "style": "", "fontsize": _SMALL}
        line.node(f"layer {number}", **plain)
        for room in layer:
            fill = _FILLS[int(number) % len(_FILLS)]
            line.node(room, **{"class": f"layer{number}"}, fillcolor=fill)
        graph.subgraph(line)
    for above, below in pairwise(numbers):
        graph.edge(f"layer {above}", f"layer {below}", style="invis")
    for importer, imported in sorted(rooms.edges):
        graph.edge(importer, imported)
    drawn: bytes = graph.pipe()
    return drawn


def shown_in(svg: bytes) -> frozenset[Edge]:
    """Return kind and title of all that a picture shows.

    Parameters
    ----------
    svg : bytes
        What `to_svg` returned, now or once.

    Returns
    -------
    frozenset of (str, str)
        As `Rooms.elements`.
    """
    groups = ET.fromstring(svg).iterfind(".//{*}g")
    found = (
        (group.get("class", ""), group.findtext("{*}title") or "") for group in groups
    )
    return frozenset(
        (kind, title)
        for kind, title in found
        if kind == "edge" or kind.startswith("node layer")
    )


def _difference(drawn: frozenset[Edge], wanted: frozenset[Edge]) -> str:
    def said(some: frozenset[Any]) -> str:
        return ", ".join(f"{title} ({kind})" for kind, title in sorted(some)) or "-"

    return (
        f"{PICTURE.as_posix()} is not what the code gives: "
        "run `python docs/rooms.py` and commit it.\n"
        f"only in the picture: {said(drawn - wanted)}\n"
        f"only in the code: {said(wanted - drawn)}"
    )


def main() -> None:
    """Draw the picture, or check the one that is there."""
    parser = argparse.ArgumentParser(description="Draw which room imports which.")
    parser.add_argument(
        "--check", action="store_true", help="only compare the picture with the code"
    )
    asked = parser.parse_args()
    rooms, picture = read_rooms(ROOT), ROOT / PICTURE
    if not asked.check:
        picture.write_bytes(to_svg(rooms))
        return
    if not picture.is_file():
        sys.exit(f"There is no {PICTURE.as_posix()}: run `python docs/rooms.py`.")
    drawn = shown_in(picture.read_bytes())
    if drawn != rooms.elements:
        sys.exit(_difference(drawn, rooms.elements))


if __name__ == "__main__":
    main()
