"""What the student is worth, in figures, and where it disagrees with its teacher."""

from typing import Any

import address
import altair as alt
import caches
import numpy as np
import pandas as pd
import streamlit as st
import widgets
from chart_colours import GREY, VERMILION, by_theme

from interpretkd._base import counted
from interpretkd.evaluation import (
    Analysis,
    ConfusionDisplay,
    Evaluation,
    ReliabilityDisplay,
    ResidualDisplay,
)
from interpretkd.metrics import Estimate, r2
from interpretkd.model_selection import SizeDisplay
from interpretkd.models import Forest, Linear, schema_seen

BLUE, ORANGE = by_theme()["c0"], by_theme()["c1"]
# In the figure of decisions; with more the cells could not be told apart.
MOST_CLASSES = 14
# With more the figure is as wide as the page:
MOST_BESIDE = 6
# With more the names above the figure are turned:
FEW_LETTERS = 52
MOST_POINTS = 1_000
MOST_PAIRS = 200
CELLS = "overview_cells"


def show() -> None:
    """Show the page."""
    widgets.head(
        "Overview",
        "Read the verdict, then see where student and teacher disagree: a cell of the "
        "figure, or the pair chosen with it, leads to these rows.",
    )
    found = caches.analysis()
    # All its intervals take seconds on many rows: the rest of the page comes before.
    first = st.container()
    if found.has_classes:
        show_decisions(found)
    else:
        show_residuals(found)
    show_sizes(found)
    show_slices(found)
    show_reliability(found)
    with first:
        with st.spinner("Measuring ..."):
            measured = found.evaluation
        st.info(widgets.plain(measured.verdict), title="Verdict")
        for sentence in measured.beside:
            st.caption(widgets.plain(sentence))
        for sentence in measured.cautions:
            st.warning(widgets.plain(sentence))
        show_figures(found, measured)
    show_all_numbers(measured)
    show_making(found)


def show_making(found: Analysis) -> None:
    """Show where the run comes from, and which methods were used."""
    steps = getattr(found.model, "recipe_", ())
    if not steps and not found.about:
        return
    with st.expander("How it was made"):
        if steps:
            st.markdown("\n".join(f"- {widgets.plain(step)}." for step in steps))
        facts = [(str(name), str(value)) for name, value in found.about.items()]
        if facts:
            widgets.table(pd.DataFrame(facts, columns=["what", "which"]))


def show_figures(found: Analysis, measured: Evaluation) -> None:
    """Show the figures that matter most, in rows that wrap."""
    is_r2 = "" if found.has_classes else " (R2)"
    baseline = measured.baseline
    told: dict[str, Estimate | None] = {
        f"Fidelity{is_r2}": measured.student.fidelity,
        f"Accuracy of the student{is_r2}": measured.student.accuracy,
        f"Accuracy of the teacher{is_r2}": measured.teacher.accuracy,
        f"Accuracy of the baseline{is_r2}": None
        if baseline is None
        else baseline.accuracy,
    }
    with st.container(horizontal=True, gap="large"):
        for name, estimate in told.items():
            st.metric(
                name,
                words(found, estimate),
                between(found, estimate),
                delta_color="off",
                delta_arrow="off",
                width="content",
            )
    with st.container(horizontal=True, gap="medium"):
        for name, text in sizes(found, measured).items():
            st.metric(name, text, width="content")
    st.caption(
        f"On {measured.n:,} held-out rows, with 95 % intervals. The baseline is the "
        "same kind of student, fitted to the labels alone. A distillation score is "
        "best at 0: it weighs how much of the teacher's size and accuracy is left."
    )


def words(found: Analysis, estimate: Estimate | None) -> str:
    """Say a figure; n/a where it is not known."""
    if estimate is None:
        return "n/a"
    return f"{estimate.value:{'.1%' if found.has_classes else '.3f'}}"


def between(found: Analysis, estimate: Estimate | None) -> str | None:
    """Say a figure's interval."""
    if estimate is None:
        return None
    spec = ".1%" if found.has_classes else ".3f"
    return f"{estimate.low:{spec}} to {estimate.high:{spec}}"


def sizes(found: Analysis, measured: Evaluation) -> dict[str, str]:
    """Say how large the student is, and how much smaller than its teacher."""
    form = found.form
    told: dict[str, str] = {}
    if found.tree is not None:
        told |= {"Leaves": f"{found.tree.n_leaves:,}", "Tests deep": f"{form.depth}"}
    elif isinstance(form, Forest):
        told |= {"Trees": f"{form.n_trees:,}", "Leaves": f"{form.n_leaves:,}"}
    held = found.model.n_parameters  # with the network up to the layer that it reads
    told["Numbers held"] = f"{held or form.n_parameters:,}"
    told["Columns used"] = f"{n_used(form):,} of {len(schema_seen(found.model)):,}"
    reduction = measured.size_reduction["bytes"]
    score = measured.distillation_score["bytes"]
    smaller = "larger" if reduction is not None and reduction < 0 else "smaller"
    told["Size in bytes"] = (
        "n/a" if reduction is None else f"{abs(reduction):.1f}% {smaller}"
    )
    told["Distillation score"] = "n/a" if score is None else f"{score:.3f}"
    return told


def n_used(form: Any) -> int:
    """Count the columns that a student reads."""
    if isinstance(form, Linear):
        return len(form.features)
    return len(np.unique(form.nodes.feature[form.nodes.feature >= 0]))


def show_decisions(found: Analysis) -> None:
    """Show what the one decides where the other decides what; lead to the rows."""
    shown = ConfusionDisplay.from_analysis(found)
    st.subheader(shown.title, anchor=False)
    frame = shown.frame().rename_axis("cell").reset_index()
    line, column = frame.columns[1:3]
    places = led_to(frame)
    drawn = most_disagreeing(frame, line)
    figure, choice = st.container(), st.container()
    if drawn[column].nunique() <= MOST_BESIDE:
        figure, choice = widgets.beside("overview_beside", 0.62)
    with figure:
        clicked = st.altair_chart(
            decisions_chart(drawn, line, column, shown.alt),
            on_select="rerun",
            selection_mode="cell",
            key=CELLS,
        )
        n_lines, n_drawn = frame[line].nunique(), drawn[line].nunique()
        if n_drawn < n_lines:
            st.caption(
                f"The {n_drawn} of {n_lines:,} on which the two disagree most often; "
                "the list has the others."
            )
    with choice:
        choose_place(places)
    with st.expander("The same as a table"):
        given = frame[frame["n_rows"] > 0].sort_values("n_rows", ascending=False)
        percent = st.column_config.NumberColumn("share of the line", format="percent")
        names = {"n_rows": "rows", "decided_by": "decided by", "share": percent}
        widgets.table(
            given.head(MOST_POINTS)[[line, column, "n_rows", "share"]],
            column_config=names,
        )
    for cell in clicked["selection"]["cell"]:
        if cell.get("cell") in places.index:
            address.go("disagreements", **sides(places.loc[cell["cell"]]))


def led_to(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the cells in which the two disagree, with their rows' filters."""
    if "label" in frame:
        case = frame["decided_by"]
        places = frame.assign(
            teacher=frame["label"].where(case == "teacher alone"),
            student=frame["label"].where(case == "student alone"),
        )
        apart = case.isin(["teacher alone", "student alone"])
        places["text"] = [
            f"{label}, {who}: {counted(n, 'row')}"
            for label, who, n in zip(frame["label"], case, frame["n_rows"], strict=True)
        ]
    else:
        places, apart = frame.copy(), frame["teacher"] != frame["student"]
        places["text"] = [
            f"teacher {teacher}, student {student}: {counted(n, 'row')}"
            for teacher, student, n in zip(
                frame["teacher"], frame["student"], frame["n_rows"], strict=True
            )
        ]
    places = places[apart & (frame["n_rows"] > 0)].set_index("cell")
    return places.sort_values("n_rows", ascending=False, kind="stable")


def most_disagreeing(frame: pd.DataFrame, line: str) -> pd.DataFrame:
    """Return the cells of those classes on which the two disagree most often."""
    if frame[line].nunique() <= MOST_CLASSES:
        return frame
    if "label" in frame:
        apart = frame[frame["decided_by"].isin(["teacher alone", "student alone"])]
        most = apart.groupby("label")["n_rows"].sum().nlargest(MOST_CLASSES).index
        return frame[frame["label"].isin(most)]
    apart = frame[frame["teacher"] != frame["student"]]
    both = (
        apart.groupby("teacher")["n_rows"]
        .sum()
        .add(apart.groupby("student")["n_rows"].sum(), fill_value=0)
    )
    most = both.nlargest(MOST_CLASSES).index
    return frame[frame["teacher"].isin(most) & frame["student"].isin(most)]


def decisions_chart(frame: pd.DataFrame, line: str, column: str, text: str) -> Any:
    """Draw the cells: the number of rows, and their share of the line's."""
    n_lines, n_columns = frame[line].nunique(), frame[column].nunique()
    share = frame["share"].fillna(0)
    drawn = frame.assign(
        share=share,
        said=[
            f"{n:,}\n{part:.0%}" for n, part in zip(frame["n_rows"], share, strict=True)
        ],
    )
    order = {name: drawn[name].drop_duplicates().tolist() for name in (line, column)}
    titles = {
        "teacher": "the teacher decides",
        "student": "the student decides",
        "label": "label",
        "decided_by": "decided by",
    }
    letters = max(len(str(name)) for name in order[column])
    is_short = n_columns * letters <= FEW_LETTERS
    axis: dict[str, Any] = {
        "labelLimit": 140,
        "labelOverlap": False,
        "ticks": False,
        "domain": False,
    }
    across = alt.X(
        f"{column}:N",
        sort=order[column],
        title=titles[column],
        axis=alt.Axis(**axis, orient="top", labelAngle=0 if is_short else -40),
    )
    down = alt.Y(
        f"{line}:N", sort=order[line], title=titles[line], axis=alt.Axis(**axis)
    )
    base = alt.Chart(drawn).encode(across, down)
    cells = base.mark_rect(stroke="#8c959f", strokeWidth=0.6, cursor="pointer").encode(
        color=alt.Color(
            "share:Q",
            scale=alt.Scale(domain=[0, 1], range=["#f4f8fc", "#08519c"]),
            legend=None,
        ),
        tooltip=[
            alt.Tooltip(line, title=titles[line]),
            alt.Tooltip(column, title=titles[column]),
            alt.Tooltip("n_rows:Q", title="rows", format=",d"),
            alt.Tooltip("share:Q", title="share of the line", format=".1%"),
        ],
    )
    picked = alt.selection_point(name="cell", fields=["cell"], empty=False)
    # Both kinds of text stand on cells of our own colours, in light and in dark.
    dark = alt.datum.share > 0.75
    texts = base.mark_text(
        lineBreak="\n", fontSize=11 if n_columns > 8 else 13, dy=-6, cursor="pointer"
    ).encode(
        alt.Text("said:N"),
        color=alt.condition(dark, alt.value("#ffffff"), alt.value("#1b1f24")),
    )
    return alt.layer(cells.add_params(picked), texts).properties(
        description=text, height=(105 if is_short else 195) + 50 * n_lines
    )


def choose_place(places: pd.DataFrame) -> None:
    """Offer the cells to those who do not click."""
    if not len(places):
        st.success("Student and teacher decide alike on all rows.")
        return
    cell = st.selectbox(
        "Where the two disagree, the most frequent first",
        places.index[:MOST_PAIRS],
        format_func=lambda cell: places["text"][cell],
        help="A click on a cell of the figure does the same at once.",
    )
    address.link("Show these rows", "disagreements", **sides(places.loc[cell]))
    if len(places) > MOST_PAIRS:
        st.caption(f"The first {MOST_PAIRS} of {len(places):,}.")


def sides(place: "pd.Series[Any]") -> dict[str, str]:
    """Return what teacher and student say in a cell, as the address says it."""
    known = {name: place[name] for name in ("teacher", "student")}
    return {name: text for name, text in known.items() if isinstance(text, str)}


def show_residuals(found: Analysis) -> None:
    """Show the student's values beside the teacher's."""
    shown = ResidualDisplay.from_analysis(found)
    st.subheader(shown.title, anchor=False)
    frame = spread(shown.frame())
    ends = pd.DataFrame({"value": [frame["teacher"].min(), frame["teacher"].max()]})
    alike = alt.Chart(ends).mark_line(color=GREY, strokeDash=[4, 3])
    alike = alike.encode(
        alt.X("value:Q", title="teacher"), alt.Y("value:Q", title="student")
    )
    scale = alt.Scale(zero=False)
    several = frame["output"].nunique() > 1
    drawn = alt.Chart(frame).mark_point(filled=True, opacity=0.6, size=28)
    drawn = drawn.encode(
        alt.X("teacher:Q", scale=scale),
        alt.Y("student:Q", scale=scale),
        tooltip=["output", "teacher", "student", "difference"],
        color=alt.Color("output:N", legend=alt.Legend() if several else None)
        if several
        else alt.value(BLUE),
        shape=alt.Shape("output:N", legend=None) if several else alt.value("circle"),
    )
    chart = alt.layer(alike, drawn).properties(description=shown.alt, height=340)
    st.altair_chart(chart)
    left_out = len(shown.data) - len(frame)
    some = f" {len(frame):,} of {len(shown.data):,} rows are drawn." if left_out else ""
    st.caption(
        widgets.plain(f"{shown.alt} On the dashed line both say the same.{some}")
    )
    address.link("Show the largest differences", "disagreements")


def spread(frame: pd.DataFrame) -> pd.DataFrame:
    """Return as many rows as can be seen, spread over the teacher's values."""
    if len(frame) <= MOST_POINTS:
        return frame
    chosen = np.linspace(0, len(frame) - 1, MOST_POINTS).astype(int)
    return frame.sort_values(["teacher", "student"], kind="stable").iloc[chosen]


def show_sizes(found: Analysis) -> None:
    """Show what every size within the tree is worth."""
    path = caches.whole().sizes
    if path is None or found.tree is None or len(path.train) < 3:
        return
    unit = "share of rows" if found.has_classes else "R2"
    shown = SizeDisplay.from_path(path, unit=unit)
    st.subheader(shown.title, anchor=False)
    # These are held-out rows too: those that the cut was chosen by.
    names = {"on the training rows": "on the half of the rows that chose the cut"}
    frame = shown.frame().replace({"student": names})
    last = int(frame["leaves"].max())
    drawn = frame[frame["leaves"].isin(some_sizes(last, found.tree.n_leaves))]
    st.altair_chart(sizes_chart(drawn, found.tree.n_leaves, shown.alt, unit))
    st.caption(
        "The best tree of every size within the student's: cut on one half of the "
        "held-out rows, measured on the other. The diamond is the size shown now: "
        f"{found.tree.n_leaves:,} leaves."
    )
    with st.expander("The same as a table"):
        widgets.table(drawn.drop(columns=["knee", "recommended"], errors="ignore"))


def some_sizes(last: int, chosen: int) -> list[int]:
    """Return the sizes to draw: of many, as many as can be seen."""
    spaced = np.unique(np.geomspace(1, last, 120).round().astype(int))
    return sorted({*spaced.tolist(), chosen, last})


def sizes_chart(frame: pd.DataFrame, chosen: int, text: str, unit: str) -> Any:
    """Draw the curve, its interval, and the size that is shown."""
    axis = alt.Axis(format=".0%" if unit != "R2" else ".2f")
    last = int(frame["leaves"].max())
    doubled = [2**power for power in range(last.bit_length())]
    across = alt.X(
        "leaves:Q",
        scale=alt.Scale(type="log", base=2, domain=[1, last], nice=False),
        axis=alt.Axis(values=doubled, format=",d"),
        title="leaves (doubling)",
    )
    fidelity = alt.Y(
        "fidelity:Q", scale=alt.Scale(zero=False), title=f"fidelity ({unit})", axis=axis
    )
    names = frame["student"].drop_duplicates().tolist()
    colours = alt.Scale(domain=names, range=[ORANGE, BLUE][-len(names) :])
    legend = alt.Legend(orient="bottom", labelLimit=300)
    lines = (
        alt.Chart(frame)
        .mark_line(point=False, strokeWidth=2.5)
        .encode(
            across,
            fidelity,
            color=alt.Color("student:N", scale=colours, title=None, legend=legend),
            strokeDash=alt.StrokeDash("student:N", title=None, legend=legend),
            tooltip=["student", "leaves", alt.Tooltip("fidelity:Q", format=".3f")],
        )
    )
    band = (
        alt.Chart(frame.dropna(subset=["fidelity_low"]))
        .mark_area(opacity=0.2, color=BLUE)
        .encode(across, alt.Y("fidelity_low:Q"), alt.Y2("fidelity_high:Q"))
    )
    held_out = frame[(frame["leaves"] == chosen) & (frame["student"] == names[-1])]
    mark = alt.Chart(held_out).encode(across)
    point = mark.mark_point(size=160, filled=True, color=VERMILION, shape="diamond")
    point = point.encode(alt.Y("fidelity:Q"))
    rule = mark.mark_rule(color=VERMILION, strokeDash=[3, 3])
    return alt.layer(band, lines, rule, point).properties(
        description=f"{text} Shown now: {chosen} leaves.", height=300
    )


def show_slices(found: Analysis) -> None:
    """Show the fidelity on parts of the rows."""
    st.subheader("Fidelity on parts of the rows", anchor=False)
    names = list(found.model.schema_.names)
    if not isinstance(found.X, pd.DataFrame):
        st.caption("The columns of these rows have no names to cut them by.")
        return
    column = st.selectbox("Cut the rows by", names, key="cut_by", bind="query-params")
    with widgets.problems("These rows cannot be cut"):
        frame = caches.kept("slices", lambda: found.slices(column), column)
        shown = frame.dropna(subset=["low", "high"])[:40]
        st.altair_chart(slices_chart(found, shown, column))
        with st.expander("The same as a table"):
            widgets.table(frame.head(MOST_POINTS))
        left = len(frame) - len(shown)
        if left:
            st.caption(f"{left} parts are left out of the figure.")


def slices_chart(found: Analysis, frame: pd.DataFrame, column: str) -> Any:
    """Draw a point and an interval a part."""
    axis = alt.Axis(format="~%" if found.has_classes else "~g")
    name = "fidelity" if found.has_classes else "fidelity (R2)"
    drawn = frame.assign(
        part=[
            f"{part} ({counted(n, 'row')})"
            for part, n in zip(frame["slice"], frame["n"], strict=True)
        ]
    )
    base = alt.Chart(drawn).encode(
        alt.Y(
            "part:N",
            sort=drawn["part"].tolist(),
            title=None,
            axis=alt.Axis(labelLimit=260),
        )
    )
    scale = alt.Scale(zero=False)
    ends = base.mark_rule(strokeWidth=2, color=BLUE).encode(
        alt.X("low:Q", title=name, axis=axis, scale=scale), alt.X2("high:Q")
    )
    points = base.mark_point(filled=True, size=90, color=BLUE).encode(
        alt.X("fidelity:Q", scale=scale),
        tooltip=[
            "slice",
            alt.Tooltip("n:Q", title="rows", format=",d"),
            *(alt.Tooltip(f"{c}:Q", format=".3f") for c in ("fidelity", "low", "high")),
        ],
    )
    overall = pd.DataFrame({"fidelity": [fidelity_of_all(found)]})
    line = alt.Chart(overall).mark_rule(strokeDash=[4, 3], color=GREY)
    text = f"Fidelity by {column}, with 95 % intervals: " + ", ".join(
        f"{row.slice} {row.fidelity:.3f}" for row in frame[:8].itertuples()
    )
    return alt.layer(line.encode(alt.X("fidelity:Q")), ends, points).properties(
        description=text, height=50 + 30 * len(frame)
    )


def fidelity_of_all(found: Analysis) -> float:
    """Return the fidelity on all rows, without its interval."""
    if found.has_classes:
        return float(found.agrees.mean())
    estimate: Estimate = caches.kept(
        "r2", lambda: r2(found.teacher_logits, found.logits, found.task)
    )
    return estimate.value


def show_reliability(found: Analysis) -> None:
    """Show how often each is right when it claims so."""
    if not found.has_classes or found.labels is None:
        return
    with st.expander("Reliability: how often each is right when it claims so"):
        shown: ReliabilityDisplay = caches.kept(
            "reliability", lambda: ReliabilityDisplay.from_analysis(found)
        )
        frame = shown.frame()
        models = alt.Scale(domain=["teacher", "student"], range=[ORANGE, BLUE])
        ends = pd.DataFrame({"claimed": [0, 1], "observed": [0, 1]})
        axis = alt.Axis(format=".0%")
        alike = alt.Chart(ends).mark_line(color=GREY, strokeDash=[4, 3])
        base = alt.Chart(frame).encode(
            alt.X("claimed:Q", axis=axis, title="claimed probability"),
            alt.Y("observed:Q", axis=axis, title="share observed"),
            color=alt.Color("model:N", scale=models, title=None),
            shape=alt.Shape("model:N", title=None),
            tooltip=["model", "claimed", "observed", "n_rows"],
        )
        ends_of = base.mark_rule(opacity=0.5).encode(
            alt.Y("observed_low:Q"), alt.Y2("observed_high:Q")
        )
        chart = alt.layer(
            alike.encode(alt.X("claimed:Q"), alt.Y("observed:Q")),
            ends_of,
            base.mark_line(),
            base.mark_point(filled=True, size=70),
        )
        st.altair_chart(chart.properties(description=shown.alt, height=320))
        st.caption(widgets.plain(shown.alt))
        widgets.table(frame)


def show_all_numbers(measured: Evaluation) -> None:
    """Show the library's own table."""
    with st.expander("All figures"):
        widgets.table(measured.to_text().reset_index())
        if measured.by_class is not None:
            widgets.table(measured.by_class.astype({"class": str}))


show()
