"""What a student that adds up adds: shapes and pairs of trees, terms and points."""

from typing import Any

import address
import altair as alt
import caches
import pandas as pd
import streamlit as st
import widgets
from chart_colours import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION

from interpretkd._base import counted, one_line, signed_text
from interpretkd.evaluation import Analysis
from interpretkd.explain import (
    CoefficientDisplay,
    Contributions,
    Effects,
    ShapeDisplay,
    finite_edges,
    join_categories,
    linear_terms,
    model_scorecards,
    points_text,
    shape_effects,
)
from interpretkd.models import Forest

COLOURS = [BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION]
DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [1, 3], [10, 2]]
MOST_BARS = 15
MOST_CELLS = 1_000
MOST_OUTPUTS = 6
ALL = "all together"
EVERY_LABEL = alt.Axis(labelLimit=260, labelOverlap=False)


def show_forest(found: Analysis) -> None:
    """Show boosted trees as a sum of shapes and pairs."""
    with st.spinner("Adding up what the trees say ..."):
        effects = found.over_some_rows(shape_effects)
    n_rows = min(len(found), effects.n_rows)
    st.markdown(
        f"{effects.n_trees:,} trees with {effects.n_leaves:,} leaves, read as a sum of "
        f"effects over {n_rows:,} held-out rows. {widgets.plain(effects.shares)}"
    )
    if not effects.mains:
        st.info("No tree asks for any feature.")
        return
    show_importances(effects)
    st.subheader("One feature", anchor=False)
    left, right = st.columns(2)
    feature = left.selectbox(
        "Feature", effects.features, key="feature", bind="query-params"
    )
    output = choose_output(right, list(effects.outputs.names))
    show_shape(effects, feature, output)
    show_all_pairs(effects)
    st.subheader("Rules of single trees", anchor=False)
    st.caption("The leaves that move the sums most are on the Rules page.")
    address.link("Go to Rules", "rules")


def show_importances(effects: Effects) -> None:
    """Show which features do most."""
    st.subheader("Features by strength", anchor=False)
    frame = effects.importances()
    top = frame.head(MOST_BARS)
    first = ", ".join(top["feature"][:3])
    st.altair_chart(
        bars(top, "feature", "strength").properties(
            description=f"How much each feature adds by itself, the strongest first: "
            f"{one_line(first)}."
        )
    )
    with st.expander("The same as a table"):
        number = st.column_config.NumberColumn
        widgets.table(
            frame,
            column_config={
                "strength": number(format="%.3g"),
                "share": number("share of the variance", format="percent"),
                "n_values": number("values told apart"),
            },
            alt="Features by strength",
        )


def bars(frame: pd.DataFrame, name: str, value: str) -> Any:
    """Return horizontal bars from 0, signed ones told apart by colour and number."""
    base = alt.Chart(frame).encode(
        y=alt.Y(f"{name}:N", sort=None, title=None, axis=EVERY_LABEL),
        x=alt.X(f"{value}:Q"),
    )
    below = alt.datum[value] < 0
    chart: Any = alt.layer(
        base.mark_bar().encode(
            color=alt.condition(below, alt.value(COLOURS[1]), alt.value(COLOURS[0]))
        )
    )
    signed = bool((frame[value] < 0).any())
    text = alt.Text(f"{value}:Q", format="+.3g" if signed else ".3g")
    # A layer without any row would have no extent.
    if (frame[value] >= 0).any():
        above = base.transform_filter(alt.datum[value] >= 0)
        chart += above.mark_text(align="left", dx=3, color=GREY).encode(text=text)
    if signed:
        negative = base.transform_filter(below)
        chart += negative.mark_text(align="right", dx=-3, color=GREY).encode(text=text)
    return chart.properties(height=24 * len(frame) + 60)


def choose_output(place: Any, names: list[str], *, together: bool = True) -> str | None:
    """Ask for a class or label, where there are several; None for all of them."""
    if len(names) == 1:
        return names[0]
    some = [ALL, *names] if together and len(names) <= MOST_OUTPUTS else names
    chosen: str = place.selectbox(
        "Adds to the sum of", some, key="adds", bind="query-params"
    )
    return None if chosen == ALL else chosen


def effect_columns(effects: Effects, output: str | None) -> dict[str, str]:
    """Return the columns of a table of effects, and the outputs they are about."""
    names = list(effects.outputs.names)
    if len(names) == 1:
        return {"effect": names[0]}
    return {f"effect on {n}": n for n in names if output in (None, n)}


def show_shape(effects: Effects, feature: str, output: str | None) -> None:
    """Show what each value of a feature adds, and how many rows have it."""
    columns = effect_columns(effects, output)
    display = ShapeDisplay.from_effects(effects, [feature])
    data = display.data
    known = effects.cells.schema.features[effects.cells.schema.names.index(feature)]
    if known.is_categorical or known.is_date:
        show_categories(display, columns, several=len(columns) > 1)
    else:
        show_numbers(display, columns)
    st.caption(widgets.plain(display.alt))
    with st.expander("The same as a table"):
        heads = {c: c if c == "effect" else f"to {n}" for c, n in columns.items()}
        frame = data[[*heads, "n_rows"]].rename(columns=heads)
        frame.insert(0, "value", [display._text(row) for _, row in data.iterrows()])
        widgets.table(frame, alt="What each value adds")


def long_form(data: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    """Return one row a value and output, with fixed column names."""
    fixed = ["low", "high", "said", "n_rows"]
    tables = [
        data[fixed].assign(adds=data[column].to_numpy(float), output=name)
        for column, name in columns.items()
    ]
    return pd.concat(tables, ignore_index=True)


def styled(columns: dict[str, str]) -> dict[str, Any]:
    """Tell the outputs apart by colour and dashes; one needs neither."""
    names = list(columns.values())
    if len(names) == 1:
        return {"color": alt.value(COLOURS[0])}
    legend = alt.Legend(orient="top", title="adds to")
    return {
        "color": alt.Color(
            "output:N", scale=alt.Scale(domain=names, range=COLOURS), legend=legend
        )
    }


def show_numbers(display: ShapeDisplay, columns: dict[str, str]) -> None:
    """Draw the steps of a number's effect over the rows that have each value."""
    data = display.data.assign(
        said=[display._text(row) for _, row in display.data.iterrows()]
    )
    absent = data["missing"].to_numpy(dtype=bool)
    known, gaps = data[~absent], data[absent]
    edges = finite_edges([*known["low"].astype(float), float(known["high"].iloc[-1])])
    known = known.assign(low=edges[:-1], high=edges[1:])
    # The last step ends where the drawing does.
    end = known.tail(1).assign(low=edges[-1], n_rows=0)
    lines = long_form(pd.concat([known, end]), columns)
    scale = alt.Scale(domain=[float(edges[0]), float(edges[-1])], nice=False)
    style = styled(columns)
    if len(columns) > 1:
        names = list(columns.values())
        dashes = alt.Scale(domain=names, range=DASHES)
        style["strokeDash"] = alt.StrokeDash("output:N", scale=dashes)
    steps = (
        alt.Chart(lines)
        .mark_line(interpolate="step-after")
        .encode(
            x=alt.X("low:Q", title=None, scale=scale),
            y=alt.Y("adds:Q", title=f"adds ({display._adds[6:-1]})"),
            tooltip=["said:N", "output:N", alt.Tooltip("adds:Q", format="+.3g")],
            **style,
        )
    )
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=GREY)
    st.altair_chart(
        (zero.encode(y="zero:Q") + steps).properties(
            height=260, description=display.alt
        )
    )
    counts = (
        alt.Chart(known[["low", "high", "n_rows", "said"]])
        .mark_bar(color=GREY)
        .encode(
            x=alt.X("low:Q", title=None, bin="binned", scale=scale),
            x2="high:Q",
            y=alt.Y("n_rows:Q", title="rows"),
            tooltip=["said:N", "n_rows:Q"],
        )
    )
    said = "How many rows lie between the steps"
    st.altair_chart(counts.properties(height=90, description=said))
    if len(gaps):
        added = ", ".join(
            f"{signed_text(float(gaps[column].iloc[0]), 3)} to {name}"
            for column, name in columns.items()
        )
        n_missing = int(gaps["n_rows"].iloc[0])
        st.caption(widgets.plain(f"Missing ({n_missing:,} rows): {added}."))


def show_categories(
    display: ShapeDisplay, columns: dict[str, str], *, several: bool
) -> None:
    """Draw a bar a category, or a mark for each output."""
    data = join_categories(display.data)
    data = data.assign(said=[display._text(row) for _, row in data.iterrows()])
    data["said"] += [f" ({counted(n, 'row')})" for n in data["n_rows"]]
    long = long_form(data, columns)
    if not several:
        chart: Any = bars(long, "said", "adds")
    else:
        names = list(columns.values())
        shapes = alt.Scale(
            domain=names,
            range=["circle", "square", "triangle-up", "diamond", "cross", "stroke"],
        )
        chart = (
            alt.Chart(long)
            .mark_point(filled=True, size=80)
            .encode(
                y=alt.Y("said:N", sort=None, title=None, axis=EVERY_LABEL),
                x="adds:Q",
                shape=alt.Shape("output:N", scale=shapes),
                tooltip=["said:N", "output:N", alt.Tooltip("adds:Q", format="+.3g")],
                **styled(columns),
            )
            .properties(height=30 * len(data) + 130)
        )
    st.altair_chart(chart.properties(description=display.alt))


def show_all_pairs(effects: Effects) -> None:
    """Show which pairs of features add something together, and one of them."""
    st.subheader("Pairs of features", anchor=False)
    frame = effects.pairs()
    if not len(frame):
        st.caption("No tree asks for two features: the shapes above are all there is.")
        return
    st.markdown(
        f"Pairs explain {effects.shares.pairs:.1%} of the variance beyond the single "
        f"features; {effects.shares.rest:.1%} is left."
    )
    number = st.column_config.NumberColumn
    widgets.table(
        frame.head(20),
        column_config={
            "strength": number(format="%.3g"),
            "share": number("share of the variance", format="percent"),
            "h": number(
                "H",
                format="%.2f",
                help="From 0 to 1: how much of all that both add they add together.",
            ),
        },
        alt="Pairs of features by strength",
    )
    names = effects.cells.schema.names
    kept = {f"{names[i]} and {names[j]}": (i, j) for i, j in effects.tables}
    if not kept:
        return
    pair = st.selectbox("Pair", list(kept), key="pair", bind="query-params")
    i, j = kept[pair]
    show_pair(effects, names[i], names[j])


def show_pair(effects: Effects, first: str, second: str) -> None:
    """Show what two features add together, beyond each by itself."""
    table = effects.pair(first, second)
    columns = [name for name in table if name not in ("first", "second")]
    # Of many outputs the one on which the pair does most.
    strength = {name: float((table[name] ** 2).sum()) for name in columns}
    column = max(strength, key=lambda name: strength[name])
    about = "" if column == "effect" else f", {column}"
    cells = table[["first", "second"]].assign(adds=table[column])
    order = {side: list(dict.fromkeys(cells[side])) for side in ("first", "second")}
    strongest = cells.reindex(cells["adds"].abs().sort_values(ascending=False).index)
    top = strongest.head(3)
    said = "; ".join(f"{a} with {b} {signed_text(v, 3)}" for a, b, v in top.to_numpy())
    said = f"{first} and {second} together{about}, the most: {said}. "
    said += f"Down stands {first}, across {second}."
    st.caption(widgets.plain(said))
    if len(cells) <= MOST_CELLS:
        axis = alt.Axis(labelLimit=140)
        heat = (
            alt.Chart(cells)
            .mark_rect()
            .encode(
                y=alt.Y("first:N", sort=order["first"], title=None, axis=axis),
                x=alt.X("second:N", sort=order["second"], title=None, axis=axis),
                color=alt.Color(
                    "adds:Q", scale=alt.Scale(scheme="blueorange", domainMid=0)
                ),
                tooltip=["first:N", "second:N", alt.Tooltip("adds:Q", format="+.3g")],
            )
        )
        height = min(640, 24 * len(order["first"]) + 200)
        st.altair_chart(heat.properties(height=height, description=said))
    with st.expander("The strongest combinations as a table"):
        widgets.table(
            strongest.head(100),
            column_config={"adds": st.column_config.NumberColumn(format="%+.3g")},
            alt="What combinations of values add",
        )


def show_linear(found: Analysis) -> None:
    """Show a weighted sum: its terms, its features, its points."""
    said: Linearly = caches.kept("terms", lambda: read_terms(found))
    n_terms = len(said.table)
    st.markdown(
        f"A sum of {n_terms:,} terms. Strengths are compared over "
        f"{said.n_rows:,} held-out rows: what one standard deviation of the "
        "column adds."
    )
    if not n_terms:
        st.info("No term has a coefficient: the student says the same of all rows.")
        return
    names = list(dict.fromkeys(said.outputs))
    place = st.container(width=320)
    output = choose_output(place, names, together=False)
    st.subheader("The strongest terms", anchor=False)
    show_terms(said, output, n_outputs=len(names))
    st.subheader("Features by strength", anchor=False)
    top = said.importances.head(MOST_BARS)
    first = one_line(", ".join(top["feature"][:3]))
    st.altair_chart(
        bars(top, "feature", "strength").properties(
            description=f"How much each feature adds, the strongest first: {first}."
        )
    )
    show_feature_terms(said)
    if found.form.points is not None:
        show_cards(found, output)


class Linearly:
    """What is kept of a linear student: tables, and not what each row gets."""

    def __init__(self, added: Contributions) -> None:
        self.table = added.table
        self.importances = added.importances()
        self.outputs = added.outputs.names
        self.unit = added.outputs.unit
        self.n_rows = len(added)
        self.base = dict(zip(added.outputs.names, added.base.tolist(), strict=True))


def read_terms(found: Analysis) -> Linearly:
    """Read the terms over the rows that the report takes."""
    return Linearly(linear_terms(found.model, found.some_rows))


def show_terms(said: Linearly, output: str | None, *, n_outputs: int) -> None:
    """Show what the terms add to one sum."""
    own = said.table[said.table["output"] == output]
    display = CoefficientDisplay(own, said.unit)
    st.caption(widgets.plain(display.alt))
    if not len(own):
        return
    top = own[["term", "standardised"]].head(MOST_BARS)
    st.altair_chart(
        bars(top, "term", "standardised").properties(description=display.alt)
    )
    base = said.base[str(output)]
    with st.expander(f"All {len(own):,} terms"):
        term_table(own.drop(columns="output" if n_outputs == 1 else []))
        st.caption(f"The mean training row has the {said.unit} {signed_text(base, 4)}.")


def term_table(frame: pd.DataFrame) -> None:
    """Show terms with their coefficients in the columns' own units."""
    number = st.column_config.NumberColumn
    widgets.table(
        frame.drop(columns="feature"),
        column_config={
            "coefficient": number("one unit adds", format="%+.4g"),
            "deviation": number("standard deviation", format="%.4g"),
            "standardised": number("one standard deviation adds", format="%+.4g"),
        },
        alt="The terms and what they add",
    )


def show_feature_terms(said: Linearly) -> None:
    """Show all terms of one feature."""
    st.subheader("One feature", anchor=False)
    feature = st.selectbox(
        "Feature",
        said.importances["feature"].tolist(),
        key="feature",
        bind="query-params",
        width=320,
    )
    own = said.table[said.table["feature"] == feature]
    several = own["output"].nunique() > 1
    labels = own["term"] + (", to " + own["output"] if several else "")
    shown = pd.DataFrame({"term": labels, "adds": own["coefficient"]})
    first = ", ".join(f"{t} {signed_text(v, 3)}" for t, v in shown.head(3).to_numpy())
    st.altair_chart(
        bars(shown.head(30), "term", "adds").properties(
            description=f"What one unit of the feature adds: {one_line(first)}."
        )
    )
    term_table(own.drop(columns=[] if several else "output"))


def show_cards(found: Analysis, output: str | None) -> None:
    """Show the points to add up by hand."""
    st.subheader("Scorecard", anchor=False)
    cards = {str(card.name): card for card in model_scorecards(found.model)}
    card = cards.get(str(output), next(iter(cards.values())))
    rows = [
        {"term": one_line(row.term), "for every": row.step, "points": row.points}
        for row in card.rows
    ]
    st.caption(widgets.plain(f"Of {card.name}. Start with {card.base}."))
    widgets.table(
        pd.DataFrame(rows, columns=["term", "for every", "points"]),
        column_config={"points": st.column_config.NumberColumn(format="%+d")},
        alt="The points of each term; the text below says the same",
    )
    in_words, as_table = st.tabs(["In words", "What totals mean"])
    in_words.code(points_text(card), None, wrap_lines=True)
    as_table.code(str(card), None)


widgets.head(
    "Effects",
    "See what each feature adds to the student's sums; choose one to see its shape.",
)
found = caches.analysis()
if found.tree is not None:
    st.info("A tree adds nothing up: it is read rule by rule, see Rules.")
    address.link("Go to Rules", "rules")
elif isinstance(found.form, Forest):
    show_forest(found)
else:
    show_linear(found)
