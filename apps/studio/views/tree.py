"""The tree to walk about in; of boosted trees one after the other."""

from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import Any

import address
import caches
import numpy as np
import session
import streamlit as st
import widgets
from tree_view import tree_view

from interpretkd._base import amount_text
from interpretkd.drawing import (
    DIRECTIONS,
    DrawnBranch,
    Look,
    branch_outline,
    draw_branch,
    look_of,
)
from interpretkd.evaluation import Analysis, NodeFacts, example_rows, node_facts
from interpretkd.metrics import Estimate, r2, wilson_interval
from interpretkd.models import Forest, Linear

VIEW = "tree_view"
# Comments and no texts stand below constants: Streamlit shows lone texts of a page.
# What the address says of the place in a tree:
PLACES = ("node", "branch", "opened", "closed")
# In the table of a node:
MOST_CLASSES = 12


def show() -> None:
    """Show the page."""
    widgets.head(
        "Tree",
        "Follow the tests from the first node: choose a node to see its rule, its rows "
        "and where the teacher differs; the slider in the sidebar cuts the tree back.",
    )
    found = caches.analysis()
    if isinstance(found.form, Linear):
        st.info("This student adds up terms and has no tree: see its Effects.")
        address.link("Go to Effects", "effects")
        return
    index = choose_tree(found)
    forget_other_tree(index)
    look = caches.kept("look", lambda: look_at_tree(found, index), index)
    show_figures(found, look, index)
    drawn = show_tree(look, index)
    show_text(look, drawn)


def look_at_tree(found: Analysis, index: int | None) -> Look:
    """Return the tree with what its boxes say; trees are counted from 1 here."""
    look = look_of(found.model, "Tree", index)
    if index is None:
        return look
    added = look.name.partition(", ")[2]
    return replace(look, name=f"Tree {index + 1} of {found.form.n_trees}, {added}")


def choose_tree(found: Analysis) -> int | None:
    """Let the user choose one of boosted trees; None where there is only one."""
    if not isinstance(found.form, Forest):
        return None
    n_trees = found.form.n_trees
    number = st.number_input(
        f"Tree, from 1 to {n_trees}", 1, n_trees, 1, key="tree", bind="query-params"
    )
    return int(number) - 1


def forget_other_tree(index: int | None) -> None:
    """Drop the place in the address when it is one in the tree shown before."""
    chosen = session.chosen()
    shown = None if chosen is None else (chosen.run.key, chosen.size), index
    places = [address.noted(name) for name in PLACES]
    before = session.remembered("tree_places")
    # A link into this tree says another place than the tree before it did.
    if before is not None and before[0] != shown and before[1] == places:
        for name in PLACES:
            address.note(name, None)
        places = [None] * len(PLACES)
    session.remember("tree_places", (shown, places))


def show_figures(found: Analysis, look: Look, index: int | None) -> None:
    """Show the fidelity at this size, and what it costs against the whole tree."""
    fidelity: Estimate = caches.kept("tree_fidelity", lambda: measure(found))
    spec = ".1%" if found.has_classes else ".3f"
    with st.container(horizontal=True, gap="large"):
        st.metric(
            "Fidelity" if found.has_classes else "Fidelity (R2)",
            f"{fidelity.value:{spec}}",
            against_whole(found),
            delta_color="off",
            delta_arrow="off",
            width="content",
        )
        figures = {
            "95 % interval": f"{fidelity.low:{spec}} to {fidelity.high:{spec}}",
            "Leaves": f"{look.tree.n_leaves:,}",
            "Tests deep": f"{look.tree.depth}",
            "Rows": f"{len(found):,}",
        }
        for name, figure in figures.items():
            st.metric(name, figure, width="content")
    if index is not None:
        st.markdown(widgets.plain(f"{look.name}. The fidelity is that of all trees."))


def measure(found: Analysis) -> Estimate:
    """Return the fidelity alone: the whole evaluation would take too long here."""
    if found.has_classes:
        return wilson_interval(int(found.agrees.sum()), len(found))
    return r2(found.teacher_logits, found.logits, found.task)


def against_whole(found: Analysis) -> str | None:
    """Say what the curve of sizes shows at this size; None for the whole tree."""
    whole, tree = caches.whole(), found.tree
    if tree is None or whole.tree is None or whole.sizes is None:
        return None
    path = whole.sizes.validation
    if path is None or tree.n_leaves == whole.tree.n_leaves:
        return None
    lost = float(path[tree.n_leaves - 1] - path[-1])
    amount = f"{100 * lost:+.1f} points" if found.has_classes else f"{lost:+.3f}"
    return f"{amount} against {whole.tree.n_leaves} leaves"


def show_tree(look: Look, index: int | None) -> DrawnBranch:
    """Show the tree with its settings, and beside it the chosen node."""
    last = len(look.features) - 1
    node = address.number("node", 0, 0, last)
    branch = address.number("branch", 0, 0, last)
    settings = choose_view(look, node, index)
    drawn: DrawnBranch = caches.kept(
        "tree_map", lambda: draw_branch(look, root=branch, **settings), index, branch,
        *settings.values(),
    )  # fmt: skip
    picture, panel = widgets.beside("tree_beside")
    with picture:
        theme = st.context.theme.type or "light"
        tree_view(drawn, theme, node, on_event, VIEW)
        say_what_is_hidden(look, drawn, branch)
    with panel:
        show_node(look, node, branch, index)
    return drawn


def choose_view(look: Look, node: int, index: int | None) -> dict[str, Any]:
    """Let the user choose how the tree is drawn."""
    row = address.row_number()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        direction = st.segmented_control(
            "Grows",
            DIRECTIONS,
            default="auto",
            required=True,
            key="grows",
            bind="query-params",
        )
        levels = st.number_input(
            "Levels of tests (0: what is readable)",
            0,
            99,
            0,
            key="levels",
            bind="query-params",
            width=260,
        )
        with_way = st.toggle(
            f"Show the path of row {row:,}", key="way", bind="query-params"
        )
    way_to = None
    if with_way:
        codes = caches.whole().codes[row - 1 : row]
        way_to = int(look.tree.nodes.apply(codes)[0])
    # Hashable and in order: the picture is kept by them.
    return {
        "max_depth": int(levels) or None,
        "opened": tuple(sorted({*noted_nodes("opened", look), *above(look, node)})),
        "closed": tuple(sorted(noted_nodes("closed", look))),
        "direction": str(direction),
        "way_to": way_to,
    }


def above(look: Look, node: int) -> tuple[int, ...]:
    """Return the nodes on the way to a node, so that it is in the picture."""
    way: dict[int, tuple[int, ...]] = {0: ()}
    for here, children in enumerate(zip(*look.children, strict=True)):
        for child in children:
            way[child] = (*way[here], here) if child >= 0 else ()
        if node in way:
            return way[node]
    return ()


def noted_nodes(name: str, look: Look | None = None) -> set[int]:
    """Return the nodes that the address lists, those that there are."""
    texts = (address.noted(name) or "").split("-")
    found = {int(text[:9]) for text in texts if text.isascii() and text.isdigit()}
    return {n for n in found if look is None or n < len(look.features)}


def note_nodes(name: str, nodes: set[int]) -> None:
    """List nodes in the address."""
    address.note(name, "-".join(map(str, sorted(nodes))) or None)


def on_event() -> None:
    """Do what was done in the picture."""
    event = session.happened(VIEW)
    kind, node = event.get("kind"), event.get("node")
    if not isinstance(node, int):
        return
    if kind == "choose":
        go_to(node)
        return
    opened, closed = noted_nodes("opened"), noted_nodes("closed")
    note_nodes("opened", opened | {node} if kind == "open" else opened - {node})
    note_nodes("closed", closed | {node} if kind == "close" else closed - {node})


def go_to(node: int, branch: int | None = None) -> None:
    """Choose a node, and where a branch is given draw that alone."""
    address.note("node", str(node) if node else None)
    if branch is not None:
        address.note("branch", str(branch) if branch else None)


def unfold() -> None:
    """Forget which branches were opened and folded one by one."""
    note_nodes("opened", set())
    note_nodes("closed", set())


def say_what_is_hidden(look: Look, drawn: DrawnBranch, branch: int) -> None:
    """Say which part of the tree is drawn, and offer the way back."""
    folded = sum(node.kind == "folded" for node in drawn.nodes)
    if drawn.is_full:
        st.warning(
            f"{len(drawn.nodes)} of {len(look.features):,} nodes are drawn, which is "
            "as many as can be told apart; the others stay folded. Focus a branch to "
            "see all of it.",
            title="A large tree",
        )
    elif folded:
        st.caption(
            f"{len(drawn.nodes)} of {len(look.features):,} nodes are drawn; dashed "
            "boxes hold the others. The sign + opens a box."
        )
    with st.container(horizontal=True):
        if branch:
            st.button(
                "Back to the whole tree",
                on_click=partial(go_to, branch, 0),
                type="primary",
            )
        if noted_nodes("opened") or noted_nodes("closed"):
            st.button("Fold as at first", on_click=unfold)


def show_node(look: Look, node: int, branch: int, index: int | None) -> None:
    """Show what is known of the chosen node."""
    found = caches.analysis()
    reached = caches.kept("reached", lambda: look.tree.nodes.apply(found.codes), index)
    facts: NodeFacts = caches.kept(
        "node_facts", lambda: node_facts(found, look, node, reached), index, node
    )
    st.subheader(f"Node {node}", anchor=False)
    st.markdown(widgets.plain(facts.sentence))
    st.markdown(say_rows(found, facts))
    shown = facts.answers[:MOST_CLASSES]
    if len(shown):
        widgets.table(shown)
    if len(facts.answers) > len(shown):
        st.caption(f"{len(facts.answers) - len(shown)} rarer classes are left out.")
    with st.container(horizontal=True):
        if facts.parent >= 0:
            st.button("One up", on_click=partial(go_to, facts.parent))
        if facts.n_leaves > 1 and node != branch:
            st.button("Focus this branch", on_click=partial(go_to, node, node))
    show_examples(found, facts)


def say_rows(found: Analysis, facts: NodeFacts) -> str:
    """Say how many rows come to a node, and how far the two agree there."""
    text = f"**{len(facts.rows):,} of {len(found):,} rows** come here"
    text += f" ({facts.share:.1%})."
    if facts.fidelity is not None:
        share = facts.fidelity
        text += (
            f" On **{share.value:.1%}** of them the student decides as the teacher "
            f"({share.low:.1%} to {share.high:.1%})."
        )
    if facts.teacher_rmse is not None:
        text += (
            " The student's values are off the teacher's by "
            f"**{amount_text(facts.teacher_rmse, 4)}** (RMSE)."
        )
    return text


def show_examples(found: Analysis, facts: NodeFacts) -> None:
    """Offer some of the node's rows."""
    if not len(facts.rows):
        return
    chosen = example_rows(found, facts.rows)
    numbers = chosen if found.numbers is None else found.numbers[chosen]
    differ = int((~found.agrees[chosen]).sum()) if found.has_classes else 0
    text = "Rows that come here"
    if not found.has_classes:
        text += ", the largest differences first"
    elif differ:
        text += f": on the first {differ} the teacher decides otherwise"
    st.caption(text)
    with st.container(horizontal=True):
        for number in (np.asarray(numbers) + 1).tolist():
            address.link(f"Row {number:,}", "row", row=number)


def show_text(look: Look, drawn: DrawnBranch) -> None:
    """Show the same tree as text, and offer the picture as a file."""
    first = drawn.nodes[0].node
    with st.expander("The same as text"):
        st.code(
            caches.kept(
                "tree_text", lambda: branch_outline(look, first), look.name, first
            ),
            language=None,
            height=400,
        )
    drawing, theme = drawn.drawing, st.context.theme.type or "light"
    with st.container(horizontal=True):
        st.download_button(
            "Download this diagram as SVG",
            lambda: drawing.svg(theme=theme),
            "tree.svg",
            "image/svg+xml",
            on_click="ignore",
        )
        if find_spec("typst") is None:
            st.caption("For PNG: pip install 'interpretkd[viz]'")
            return
        st.download_button(
            "Download this diagram as PNG",
            lambda: drawing.png(theme=theme),
            "tree.png",
            "image/png",
            on_click="ignore",
        )


show()
