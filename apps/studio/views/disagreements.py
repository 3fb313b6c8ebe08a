"""Where student and teacher disagree: how often, on which rows, and who is right."""

from typing import Any

import altair as alt
import caches
import numpy as np
import pandas as pd
import row_list
import session
import streamlit as st
import widgets
from chart_colours import BLUE, GREY, ORANGE, VERMILION

from interpretkd._base import amount_text, csv_text
from interpretkd.evaluation import (
    Analysis,
    Disagreements,
    disagreements,
    filter_disagreements,
    label_disagreements,
    leads,
)

NEAR, SURE = 0.1, 0.9
KINDS = ("all", "near the boundary", "the teacher is sure")
WHO = ("teacher", "student", "neither")
MOST_BARS = 15
MOST_PAIRS = 200
LISTED = (
    *("teacher", "student", "difference"),
    *("teacher_confidence", "student_confidence", "lead"),
    *("rule", "leaf", "label", "right"),
)

FILTERS: dict[str, Any] = {
    "teacher": None,
    "student": None,
    "leaf": None,
    "right": None,
    "sure": 0,
    "kind": KINDS[0],
}


def find(found: Analysis, tolerance: float | None) -> Disagreements:
    """Return the disagreements, found once for a tolerance."""
    if tolerance is None:
        return found.disagreements
    result: Disagreements = caches.kept(
        "disagreements",
        lambda: disagreements(
            found.model,
            found.X,
            found.y,
            teacher_logits=found.answers,
            tolerance=tolerance,
        ),
        tolerance,
    )
    return result


def choose_tolerance(found: Analysis) -> float | None:
    """Ask from which difference on values disagree; None is the library's."""
    usual = find(found, None).tolerance or 0.0
    tolerance = st.number_input(
        "Values disagree when they differ by more than",
        min_value=0.0,
        value=None,
        format="%.4g",
        placeholder=f"{amount_text(usual, 4)}, which nine rows in ten stay below",
        key="tolerance",
        bind="query-params",
        width=380,
    )
    return None if tolerance is None else float(tolerance)


def show_right(disagreements: Disagreements) -> None:
    """Show who is right by the labels, where the two disagree."""
    if "right" not in disagreements.rows:
        st.caption("The rows have no labels, so nobody knows who is right.")
        return
    counts = disagreements.rows["right"].value_counts()
    closer = disagreements.task == "regression"
    shown = WHO[:2] if closer else WHO
    what = "closer" if closer else "right"
    for place, who in zip(st.columns(len(shown)), shown, strict=True):
        n = int(counts.get(who, 0))
        place.metric(
            f"{who.capitalize()} {what}", f"{n:,} ({n / len(disagreements):.0%})"
        )
    st.caption("Who is that by the labels, on the rows on which the two disagree.")


def show_pairs(disagreements: Disagreements) -> None:
    """Show which decisions come together."""
    pairs = disagreements.pairs.assign(
        teacher=row_list.said(disagreements.pairs["teacher"]),
        student=row_list.said(disagreements.pairs["student"]),
    )
    top = pairs.head(MOST_BARS)
    text = "teacher " + top["teacher"] + ", student " + top["student"]
    first = ", ".join(f"{t}: {n}" for t, n in zip(text[:3], top["n"][:3], strict=True))
    bars = pd.DataFrame({"pair": text, "rows": top["n"]})
    st.altair_chart(
        bar_chart(bars, "pair").properties(
            description=f"Rows by pair of decisions, the most first. {first}."
        )
    )
    percent = st.column_config.NumberColumn(format="percent")
    widgets.table(
        pairs.head(MOST_PAIRS),
        column_config={
            "n": st.column_config.NumberColumn("rows"),
            "share": percent,
            "teacher_confidence": st.column_config.NumberColumn(
                "teacher's confidence", format="%.2f"
            ),
            "teacher_right": st.column_config.NumberColumn("teacher right"),
            "student_right": st.column_config.NumberColumn("student right"),
        },
        alt="How often each pair of decisions comes together",
    )
    if len(pairs) > MOST_PAIRS:
        st.caption(f"The first {MOST_PAIRS} of {len(pairs):,} pairs.")


def bar_chart(frame: pd.DataFrame, name: str) -> alt.Chart:
    """Return horizontal bars in the order of the table, with their numbers."""
    axis = alt.Axis(labelLimit=260, labelOverlap=False)
    y = alt.Y(f"{name}:N", sort=None, title=None, axis=axis)
    base = alt.Chart(frame).encode(y=y, x=alt.X("rows:Q", title="rows"))
    bars = base.mark_bar(color=BLUE)
    # A grey that can be read on white and on black.
    numbers = base.mark_text(align="left", dx=3, color=GREY).encode(text="rows:Q")
    chart: alt.Chart = (bars + numbers).properties(height=24 * len(frame) + 60)
    return chart


def show_labels(found: Analysis) -> None:
    """Show for each label how often only one of the two says it."""
    frame = label_disagreements(
        found.model.classes_, found.teacher_decisions, found.student_decisions
    )
    frame["label"] = row_list.said(frame["label"])
    names = {"teacher_only": "only the teacher", "student_only": "only the student"}
    renamed = frame.rename(columns={**names, "n": "rows"})
    top = renamed.head(MOST_BARS)
    long = top.drop(columns="rows").melt("label", var_name="who", value_name="rows")
    said = ", ".join(
        f"{label}: {n}" for label, n in zip(frame["label"], frame["n"], strict=True)
    )
    st.altair_chart(
        alt.Chart(long)
        .mark_bar()
        .encode(
            y=alt.Y(
                "label:N",
                sort=top["label"].tolist(),
                title=None,
                axis=alt.Axis(labelLimit=260, labelOverlap=False),
            ),
            yOffset="who:N",
            x=alt.X("rows:Q"),
            color=alt.Color(
                "who:N",
                scale=alt.Scale(domain=list(names.values()), range=[BLUE, ORANGE]),
                legend=alt.Legend(orient="top", title="says the label"),
            ),
        )
        .properties(
            height=20 * len(long) + 120,
            description=f"Rows on which they disagree, by label. {said[:500]}.",
        )
    )
    widgets.table(renamed, alt="For each label, how often only one of the two says it")


def show_differences(found: Analysis, tolerance: float) -> None:
    """Show how far the values are apart."""
    apart = np.abs(found.logits - found.teacher_logits).max(axis=1)
    edges = np.histogram_bin_edges(apart, bins=30)
    counts, _ = np.histogram(apart, edges)
    frame = pd.DataFrame(
        {"from": edges[:-1], "to": edges[1:], "rows": counts, "tolerance": tolerance}
    )
    bars = (
        alt.Chart(frame)
        .mark_bar(color=BLUE)
        .encode(
            x=alt.X("from:Q", bin="binned", title="difference"),
            x2="to:Q",
            y="rows:Q",
            tooltip=[
                alt.Tooltip("from:Q", format=".4g"),
                alt.Tooltip("to:Q", format=".4g"),
                "rows:Q",
            ],
        )
    )
    line = alt.Chart(frame.head(1)).mark_rule(color=VERMILION, strokeDash=[4, 3])
    chart = bars + line.encode(x="tolerance:Q")
    said = (
        f"How far student and teacher are apart: half of the rows by less than "
        f"{amount_text(np.median(apart), 4)}, the worst by "
        f"{amount_text(apart.max(), 4)}. The dashed line is the tolerance, "
        f"{amount_text(tolerance, 4)}."
    )
    st.altair_chart(chart.properties(height=220, description=said))
    st.caption(said)


def show_regions(disagreements: Disagreements) -> None:
    """Show in which parts of the data they disagree most."""
    if not disagreements.regions:
        st.caption("There are too few rows to tell regions apart.")
        return
    percent = disagreements.task != "regression"
    share = st.column_config.ProgressColumn
    number = st.column_config.NumberColumn
    rate: Any = number("mean difference", format="%.4g")
    if percent:
        rate = share("they disagree on", format="percent", min_value=0, max_value=1)
    spec = "percent" if percent else "%.4g"
    frame = disagreements.regions_frame()
    widgets.table(
        frame[["rate", "region", "low", "high", "n", "n_disagree", "coverage"]],
        column_config={
            "region": st.column_config.TextColumn("where", width="medium"),
            "rate": rate,
            "low": number("from", format=spec, help="95 % interval"),
            "high": number("to", format=spec, help="95 % interval"),
            "n": number("rows"),
            "n_disagree": number("that disagree"),
            "coverage": number("share of rows", format="percent"),
        },
        alt="The regions in which student and teacher disagree, the worst first",
    )
    with st.expander("The same as text"):
        st.code("\n".join(map(str, disagreements.regions)), None, wrap_lines=True)
    st.caption(
        "The leaves of a small tree that was grown on one half of the rows to tell "
        "where the two disagree; the rates are those of the other half."
    )


def choose(found: Analysis, rows: pd.DataFrame) -> pd.DataFrame:
    """Ask which of the rows to show."""
    filters: dict[str, Any] = {}
    if found.has_classes:
        filters |= choose_decisions(found)
        filters |= choose_confidence()
    with st.container(horizontal=True):
        if found.tree is not None:
            leaves = np.flatnonzero(found.tree.nodes.is_leaf).tolist()
            filters["leaf"] = st.selectbox(
                "Leaf",
                leaves,
                index=None,
                placeholder="any",
                key="leaf",
                bind="query-params",
                width=220,
                help="The leaf's number in the tree; the list shows its rule too.",
            )
        if "right" in rows:
            filters["right"] = st.selectbox(
                "Who is right by the label" if found.has_classes else "Who is closer",
                WHO if found.has_classes else WHO[:2],
                index=None,
                placeholder="anyone",
                key="right",
                bind="query-params",
                width=220,
            )
    return filter_disagreements(rows, **filters)


def choose_decisions(found: Analysis) -> dict[str, Any]:
    """Ask for what the two decide."""
    classes = {str(name): name for name in found.model.classes_.tolist()}
    several = found.task == "multilabel"
    filters = {}
    for place, who in zip(st.columns(2), ("teacher", "student"), strict=True):
        chosen = place.selectbox(
            f"Only the {who} says" if several else f"The {who} decides",
            list(classes),
            index=None,
            placeholder="any label" if several else "any class",
            key=who,
            bind="query-params",
        )
        filters[who] = None if chosen is None else classes[chosen]
    return filters


def choose_confidence() -> dict[str, Any]:
    """Ask how sure the teacher is."""
    sure = st.slider(
        "Teacher's confidence at least",
        0,
        100,
        0,
        format="%d%%",
        key="sure",
        bind="query-params",
    )
    kind = st.segmented_control(
        "Which",
        KINDS,
        default=KINDS[0],
        required=True,
        key="kind",
        bind="query-params",
        wrap=True,
        help=f"Near the boundary: the teacher finds its own decision at most {NEAR:.0%}"
        f" more probable than the student's. Sure: its confidence is {SURE:.0%} or "
        "more.",
    )
    least = max(sure / 100, SURE) if kind == KINDS[2] else sure / 100
    filters: dict[str, Any] = {"min_confidence": least}
    if kind == KINDS[1]:
        filters["max_lead"] = NEAR
    return filters


def show_rows(found: Analysis, disagreements: Disagreements) -> None:
    """Show the rows on which they disagree, those that are asked for."""
    st.subheader("The rows", anchor=False)
    rows = with_leads(found, disagreements)
    chosen = choose(found, rows)
    st.markdown(f"**{len(chosen):,} of {len(rows):,} rows on which they disagree**")
    if not len(chosen):
        st.info("No row on which they disagree passes all of these filters.")
        st.button(
            "Clear the filters", on_click=lambda: session.put(**FILTERS), type="primary"
        )
        return
    columns = [name for name in LISTED if name in chosen]
    row_list.row_list(
        found,
        chosen["position"].to_numpy(),
        "disagreeing",
        lambda some: in_words(found, chosen.iloc[some])[columns],
    )
    st.download_button(
        "Download these rows (CSV)",
        lambda: csv_text(to_save(found, chosen)),
        "disagreements.csv",
        "text/csv",
        on_click="ignore",
    )


def with_leads(found: Analysis, disagreements: Disagreements) -> pd.DataFrame:
    """Return the rows, with how close they are and the rules as they are numbered."""
    rows = disagreements.rows
    place = rows["position"].to_numpy()
    if found.has_classes:
        pair = found.answers[place], found.logits[place]
        rows = rows.assign(lead=leads(found.task, *pair))
    if found.tree is not None:
        numbers = {rule.leaf: rule.number for rule in found.rules}
        rows = rows.assign(rule=rows["leaf"].map(numbers))
    return rows


def in_words(found: Analysis, rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with decisions and labels as texts."""
    words = {who: row_list.said(rows[who]) for who in ("teacher", "student")}
    if "label" in rows:
        words["label"] = row_list.labels_said(found, rows["label"].tolist())
    return rows.assign(**words)


def to_save(found: Analysis, rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with their numbers in the whole run and their features."""
    place = rows["position"].to_numpy()
    number = (place if found.numbers is None else found.numbers[place]) + 1
    facts = in_words(found, rows).drop(columns=["position", "index"])
    facts.insert(0, "row", number)
    names = found.model.schema_.names
    values = pd.DataFrame(found.X, columns=names).iloc[place]
    return pd.concat(
        [facts.reset_index(drop=True), values.reset_index(drop=True)], axis=1
    )


def show(found: Analysis) -> None:
    """Show everything there is to say."""
    tolerance = None if found.has_classes else choose_tolerance(found)
    disagreements = find(found, tolerance)
    if not len(disagreements):
        st.success(widgets.plain(disagreements.sentence))
        return
    st.markdown(f"##### {widgets.plain(disagreements.sentence)}")
    show_right(disagreements)
    st.subheader("Which decisions" if found.has_classes else "How far", anchor=False)
    if found.task == "multilabel":
        show_labels(found)
    elif found.has_classes:
        show_pairs(disagreements)
    else:
        show_differences(found, disagreements.tolerance or 0.0)
    st.subheader("Where", anchor=False)
    show_regions(disagreements)
    show_rows(found, disagreements)


widgets.head(
    "Disagreements",
    "See how often student and teacher disagree and where, then filter the rows and "
    "open one of them.",
)
show(caches.analysis())
