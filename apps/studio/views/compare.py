"""Students side by side: families and sizes, two of them row by row, slice by slice."""

from functools import partial
from typing import Any

import address
import altair as alt
import caches
import pandas as pd
import session
import sidebar
import streamlit as st
import widgets
from chart_colours import GREY, by_theme

from interpretkd._base import InputError
from interpretkd.evaluation import (
    AXES,
    MEASURES,
    ComparedStudent,
    Comparison,
    chart_sizes,
    compare,
)
from interpretkd.metrics import Estimate, PairedTest
from interpretkd.runs import SavedRun, same_rows_runs

MOST_RUNS, SHOWN_SLICES = 6, 50
COLOURS = {
    "tree": "c0",
    "scored tree": "c1",
    "boosted": "c5",
    "linear": "c2",
    "points": "c3",
}
"""By family the role of its colour."""
SHAPES = {
    "tree": "circle",
    "scored tree": "triangle-down",
    "boosted": "square",
    "linear": "triangle-up",
    "points": "diamond",
}
AXIS_TITLES = {
    "items": "items to read",
    "size": "leaves or terms",
    "parameters": "parameters",
    "bytes": "bytes",
}


def shown_run() -> SavedRun:
    """Return the run that the sidebar shows."""
    found = session.chosen()
    assert found is not None  # `caches.whole` ends the page before
    return found.run


def shown_size() -> int | None:
    """Return the size that the sidebar's slider is set to; None for the whole."""
    found = session.chosen()
    return None if found is None else found.size


def offer_runs() -> tuple[SavedRun, list[SavedRun]]:
    """Let the user choose what to compare the chosen run with."""
    run = shown_run()
    others = {other.key: other for other in session.runs() if other.key != run.key}
    if not others:
        st.write("There are no other runs here: Train makes one of the same rows.")
        return run, []
    known = caches.kept_whole(
        "same_rows_runs",
        lambda: [one.key for one in same_rows_runs(run, others.values())],
        *others,
    )
    wanted = st.multiselect(
        "Compare with",
        list(others),
        default=known[: MOST_RUNS - 1],
        format_func=lambda key: f"{others[key].name} ({key})",
        max_selections=MOST_RUNS - 1,
        key="with",
        bind="query-params",
        placeholder="Other runs",
        help="Runs with the same rows and the same teacher; those that were saved with "
        "exactly these rows are chosen at first.",
    )
    return run, [others[key] for key in wanted]


def named(runs: list[SavedRun]) -> dict[str, SavedRun]:
    """Call each run by its name, and where two have one name by its key as well."""
    names = [run.name for run in runs]
    return {
        run.name if names.count(run.name) == 1 else f"{run.name} {run.key}": run
        for run in runs
    }


def put_together(runs: dict[str, SavedRun], own: str, *, cut: bool) -> Comparison:
    """Load the runs and measure them."""
    whole = caches.whole()
    found = {
        name: whole if name == own else caches.analysis_of(run)
        for name, run in runs.items()
    }
    sizes = {own: chart_sizes(whole.sizes)} if cut and whole.sizes is not None else {}
    return compare(found, sizes=sizes)


def with_shown_size(found: Comparison, own: str) -> Comparison:
    """Return the comparison with the sidebar's size in it, if sizes are compared."""
    size = shown_size()
    known = {one.size for one in found.students if one.run == own}
    if size is None or found.numbers is None or size in known:
        return found
    return found.with_size(own, caches.analysis())


def without_misfits(run: SavedRun, others: list[SavedRun]) -> dict[str, SavedRun]:
    """Leave out what cannot be compared, and say why."""
    fitting = [run]
    for other in others:
        reason = caches.kept_whole("why not", partial(misfit, other), other.key)
        if reason is None:
            fitting.append(other)
            continue
        st.error(widgets.plain(reason), title=widgets.plain(f"Left out: {other.name}"))
    return named(fitting)


def misfit(other: SavedRun) -> str | None:
    """Return why a run cannot stand beside the chosen one."""
    try:
        compare(
            {"the chosen run": caches.whole(), other.name: caches.analysis_of(other)}
        )
    except (InputError, OSError) as error:
        return str(error)
    return None


def shows_sizes() -> bool:
    """Ask whether the tree's smaller sizes are shown, which halves the rows.

    The rows are those of the other pages: all of them for the whole student, the half
    that did not choose the cut where the sidebar is set to a smaller size.
    """
    if caches.whole().sizes is None:
        return False
    if shown_size() is not None:
        return True
    return st.toggle(
        "Show the smaller sizes of this tree",
        key="cuts",
        bind="query-params",
        help="They are cut on one half of the evaluation rows; all students are then "
        "measured on the other half.",
    )


def say_rows(found: Comparison) -> None:
    """Say on which rows everything here was measured."""
    if found.numbers is None:
        text = f"Everything here is measured on all {found.n_rows:,} held-out rows."
    else:
        text = (
            f"Everything here is measured on {found.n_rows:,} of the held-out rows: "
            "those that did not choose how the tree is cut."
        )
        if shown_size() is None:
            text += (
                f" The other pages measure the whole student on all "
                f"{len(caches.whole()):,}."
            )
    if found.teacher_accuracy is not None:
        text += f" The teacher's accuracy on them is {said(found.teacher_accuracy)}."
    st.caption(widgets.plain(text))


def said(estimate: Estimate | None) -> str:
    """Write a measure with its interval."""
    if estimate is None:
        return "-"
    return format(estimate, ".1%" if caches.whole().has_classes else ".3f")


def in_r2() -> str:
    """Return what stands behind a measure's name when there are no classes."""
    return "" if caches.whole().has_classes else " (R2)"


def chart_of(frame: pd.DataFrame, by: str, measure: str, chosen: int) -> alt.LayerChart:
    """Draw size against a measure; points can be clicked."""
    shown = frame.rename(columns={by: "x", measure: "y"})
    shown = shown.rename(columns={f"{measure}_low": "low", f"{measure}_high": "high"})
    keep = ["x", "y", "low", "high", "family", "student", "front"]
    shown = shown[keep].astype({"x": "float64"}).dropna(subset=["x", "y"])
    shown["number"] = shown.index
    shown["chosen"] = shown["number"] == chosen
    shown["on the front"] = shown["front"].map({True: "yes", False: "no"})
    has_classes = caches.whole().has_classes
    form = ".1%" if has_classes else ".3f"
    families = list(dict.fromkeys(shown["family"]))
    x = alt.X(
        "x:Q",
        title=f"{AXIS_TITLES[by]} (logarithmic)",
        scale=alt.Scale(type="log", base=2, padding=20),
        axis=alt.Axis(format=",", labelOverlap="greedy"),
    )
    label = f"{measure}{in_r2()}"
    y = alt.Y(
        "y:Q",
        title=label,
        scale=alt.Scale(zero=False, nice=False, padding=12),
        axis=alt.Axis(format=".0%" if has_classes else ".2f"),
    )
    colours = {family: by_theme()[role] for family, role in COLOURS.items()}
    colour = alt.Color(
        "family:N",
        title="family",
        scale=alt.Scale(
            domain=families, range=[colours.get(name, GREY) for name in families]
        ),
    )
    shape = alt.Shape(
        "family:N",
        title="family",
        scale=alt.Scale(
            domain=families, range=[SHAPES.get(name, "cross") for name in families]
        ),
    )
    tooltip = [
        alt.Tooltip("student:N"),
        alt.Tooltip("x:Q", title=AXIS_TITLES[by], format=","),
        alt.Tooltip("y:Q", title=label, format=form),
        alt.Tooltip("low:Q", title="from", format=form),
        alt.Tooltip("high:Q", title="to", format=form),
        alt.Tooltip("on the front:N"),
    ]
    base = alt.Chart(shown).encode(x=x)
    front = base.transform_filter("datum.front").mark_line(
        color=GREY, strokeDash=[5, 4], interpolate="step-after"
    )
    bars = base.mark_rule(strokeWidth=1.5, opacity=0.85).encode(
        y=alt.Y("low:Q", title=label), y2="high:Q", color=colour
    )
    rings = (
        base.transform_filter("datum.chosen")
        .mark_point(size=380, color=GREY, strokeWidth=2.5, filled=False)
        .encode(y=y)
    )
    points = (
        base.mark_point(size=110, filled=True, opacity=1, cursor="pointer")
        .encode(y=y, color=colour, shape=shape, tooltip=tooltip)
        .add_params(alt.selection_point(name="point", fields=["number"]))
    )
    return (front.encode(y=y) + bars + rings + points).properties(
        height=380, description=in_words(shown, by, label, form)
    )


def in_words(shown: pd.DataFrame, by: str, label: str, form: str) -> str:
    """Say what the chart shows, for those who do not see it."""
    front = shown[shown["front"]].sort_values("x")
    best = "; ".join(
        f"{row.student} with {row.x:,.0f}: {row.y:{form}}"
        for row in front.itertuples(index=False)
    )
    return (
        f"{label} against {AXIS_TITLES[by]} of {len(shown)} students. Nothing as small "
        f"is better than these: {best}."
    )


def table_of(found: Comparison, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the students' measures for reading."""
    shares = found.accuracy or (None,) * len(found)
    return pd.DataFrame(
        {
            "#": range(1, len(frame) + 1),
            "Student": frame["student"],
            "Front": frame["front"],
            "Items to read": frame["items"],
            f"Fidelity{in_r2()}": [said(one) for one in found.fidelity],
            f"Accuracy of the student{in_r2()}": [said(one) for one in shares],
            f"Accuracy of the baseline{in_r2()}": [
                said(one) for one in found.baseline_accuracy
            ],
            f"Accuracy of the teacher{in_r2()}": said(found.teacher_accuracy),
            "Parameters": frame["parameters"],
            "Bytes": frame["bytes"],
            "Leaves or terms": frame["size"],
        }
    )


def show_frontier(found: Comparison, run: SavedRun, runs: dict[str, SavedRun]) -> None:
    """Show all students by size, and the one that is looked at."""
    left, right = st.columns(2)
    measures = MEASURES if found.labels is not None else MEASURES[:1]
    measure = left.radio(
        "Measured", measures, horizontal=True, key="measured", bind="query-params"
    )
    by = right.radio(
        "Size in",
        AXES,
        format_func=AXIS_TITLES.__getitem__,
        horizontal=True,
        key="sized",
        bind="query-params",
        help="Items to read are the tests and answers of trees, the coefficients and "
        "intercepts of sums: the one size in which families can be compared.",
    )
    frame = found.to_frame(by=by, measure=measure)
    place = st.container()
    number = st.selectbox(
        "Student looked at (or click a point)",
        range(len(found)),
        index=start_with(found, run, runs),
        format_func=lambda i: f"{i + 1}. {found.students[i].name}",
        key="student",
        bind="query-params",
    )
    place.altair_chart(
        chart_of(frame, by, measure, number),
        width="stretch",
        key="_frontier",
        on_select=lambda: session.follow_click("_frontier", "number", "student"),
        selection_mode="point",
    )
    place.caption(
        "Bars are 95 % intervals. The dashed line is the front: nothing as small is "
        "better. The ring marks the student looked at."
    )
    show_one(found, number, runs)
    st.subheader("All students", anchor=False)
    widgets.table(table_of(found, frame), row_height=32)


def start_with(found: Comparison, run: SavedRun, runs: dict[str, SavedRun]) -> int:
    """Return the place of the student that the sidebar shows."""
    size = shown_size()
    for i, one in enumerate(found.students):
        own = runs[one.run].key == run.key
        if own and (one.is_whole if size is None else one.size == size):
            return i
    return 0


def show_one(found: Comparison, number: int, runs: dict[str, SavedRun]) -> None:
    """Show a student's measures and the way to it."""
    one = found.students[number]
    with st.container(border=True):
        st.markdown(f"**{widgets.plain(one.name)}**")
        share = None if found.accuracy is None else found.accuracy[number]
        with st.container(horizontal=True, gap="medium"):
            show_metric(f"Fidelity{in_r2()}", found.fidelity[number])
            show_metric(f"Accuracy of the student{in_r2()}", share)
            show_metric(
                f"Accuracy of the baseline{in_r2()}", found.baseline_accuracy[number]
            )
            if one.items is not None:
                st.metric("Items to read", f"{one.items:,}", width="content")
        where = runs[one.run]
        # Only a callback may move the sidebar's slider.
        opened = st.button(
            "Open this",
            key="_open_this",
            on_click=lambda: sidebar.show_size(where, one.size),
        )
        if opened:
            open_student(where, one)


def show_metric(name: str, estimate: Estimate | None) -> None:
    """Show a measure, its interval in grey below."""
    if estimate is None:
        return
    form = ".1%" if caches.whole().has_classes else ".3f"
    interval = f"{estimate.low:{form}} to {estimate.high:{form}}"
    st.metric(
        name,
        f"{estimate.value:{form}}",
        widgets.plain(interval),
        delta_color="off",
        delta_arrow="off",
        width="content",
    )


def open_student(run: SavedRun, one: ComparedStudent) -> None:
    """Show a student's overview."""
    if run.key != shown_run().key:
        sidebar.show_run(run)
    if one.is_whole:
        address.go("overview")
    address.go("overview", size=one.size)


def show_pair(found: Comparison, what: tuple[Any, ...], number: int) -> None:
    """Compare two students row by row."""
    st.subheader("Two of them, row by row", anchor=False)
    names = [f"{i + 1}. {one.name}" for i, one in enumerate(found.students)]
    places = range(len(found))
    first = st.selectbox(
        "First",
        places,
        index=number,
        format_func=names.__getitem__,
        key="first",
        bind="query-params",
    )
    second = st.selectbox(
        "Second",
        places,
        index=other_than(found, number),
        format_func=names.__getitem__,
        key="second",
        bind="query-params",
    )
    if first == second:
        st.info("Choose two different students.")
        return
    pair = caches.kept("pair", lambda: found.pair(first, second), what, first, second)
    if caches.whole().has_classes:
        text = f"They decide alike on {said(pair.agreement)} of the rows."
    else:
        text = (
            "The second reproduces the first's values with an R2 of "
            f"{said(pair.agreement)}."
        )
    st.markdown(widgets.plain(text))
    tests = {"Fidelity": pair.fidelity, "Accuracy": pair.accuracy}
    rows = {name: test for name, test in tests.items() if test is not None}
    widgets.table(pd.DataFrame([difference(name, t) for name, t in rows.items()]))
    st.caption(
        "Differences are the first's less the second's on the same rows, with 95 % "
        "intervals: of shares Newcombe's, with the exact McNemar test; of R2 from a "
        "seeded bootstrap over rows."
    )


def other_than(found: Comparison, number: int) -> int:
    """Return a student to compare with: another run's before another size."""
    own = found.students[number].run
    places = [i for i in range(len(found)) if i != number]
    others = [i for i in places if found.students[i].run != own]
    return (others or places)[0]


def difference(name: str, test: PairedTest) -> dict[str, Any]:
    """Return a row of the table of differences."""
    has_classes = caches.whole().has_classes
    value = test.difference
    if has_classes:
        cell = (
            f"{100 * value.value:+.1f} points "
            f"[{100 * value.low:+.1f}, {100 * value.high:+.1f}]"
        )
    else:
        cell = f"{value.value:+.3f} [{value.low:+.3f}, {value.high:+.3f}]"
    verdict = {1: "the first is better", -1: "the second is better"}
    right = "right" if has_classes else "closer"
    return {
        "": name,
        "Difference": cell,
        "p": test.p_text,
        "At 5 %": verdict.get(test.direction, "no clear difference"),
        f"Only the first {right}": test.only_first,
        f"Only the second {right}": test.only_second,
    }


def show_slices(found: Comparison, what: tuple[Any, ...], number: int) -> None:
    """Show the fidelity part by part, a column a student."""
    if not isinstance(found.X, pd.DataFrame):
        return
    st.subheader("Where they differ", anchor=False)
    column = st.selectbox(
        f"Fidelity{in_r2()} by",
        list(found.X.columns),
        key="slice_by",
        bind="query-params",
    )
    which = [i for i, c in enumerate(found.students) if c.is_whole or i == number]
    long = caches.kept(
        "slices", lambda: found.slices(column, which), what, column, *which
    )
    wide = long.pivot(index=["slice", "n"], columns="number", values="fidelity")
    order = long.drop_duplicates("slice").set_index(["slice", "n"]).index
    wide = wide.reindex(order)
    n_slices = len(wide)
    wide = wide.reset_index().head(SHOWN_SLICES)
    as_share = st.column_config.NumberColumn(
        format="percent" if caches.whole().has_classes else "%.3f"
    )
    names = {i: f"{i + 1}. {found.students[i].name}" for i in which}
    wide.columns = ["Slice", "Rows", *(names[i] for i in which)]
    widgets.table(wide, column_config=dict.fromkeys(names.values(), as_share))
    if n_slices > SHOWN_SLICES:
        st.caption(f"The first {SHOWN_SLICES} of {n_slices:,} slices.")
    with st.expander("With intervals"):
        widgets.table(long.drop(columns="number").head(SHOWN_SLICES * len(which)))


widgets.head(
    "Compare",
    "Set students of other families and sizes beside this one: click a point to look "
    "at a student, then open it.",
)
caches.whole()
run, others = offer_runs()
runs = without_misfits(run, others)
own = next(name for name, one in runs.items() if one.key == run.key)
cut = shows_sizes()
with st.spinner("Measuring the students ..."):
    what = (cut, *((name, one.key) for name, one in runs.items()))
    made = caches.kept_whole(
        "comparison", lambda: put_together(runs, own, cut=cut), what
    )
    found = caches.kept("comparison", lambda: with_shown_size(made, own), what)
say_rows(found)
if len(found) == 1:
    st.info(
        "Make other students of the same teacher on the Train page, or open their "
        "runs, to see them beside this one.",
        title="There is nothing to compare with",
    )
show_frontier(found, run, runs)
if len(found) > 1:
    at = min(start_with(found, run, runs), len(found) - 1)
    show_pair(found, what, at)
    show_slices(found, what, at)
