"""What if: set values of a row and see what both models make of it."""

import datetime
from collections.abc import Callable
from functools import partial
from typing import Any

import address
import altair as alt
import caches
import numpy as np
import pandas as pd
import session
import streamlit as st
import widgets
from chart_colours import BLUE, ORANGE, SKY, by_theme

from interpretkd._base import InputError, amount_text, signed_text
from interpretkd.explain import (
    Answer,
    Input,
    WhatIf,
    inputs_of,
    order_of_inputs,
    read_settings,
    row_of,
    try_values,
    write_settings,
)

MOST_SHOWN, MOST_BARS = 12, 6
MISSING = "missing"


def given_settings(row: int, inputs: tuple[Input, ...]) -> dict[int, float]:
    """Return the values that the address sets for this row."""
    text = address.noted("set")
    if text is None:
        return {}
    try:
        return read_settings(text, row, inputs)
    except InputError as error:
        st.warning(
            widgets.plain(f"{error} The row is shown as it is."),
            title="The link's values cannot be used",
        )
        address.note("set", None)
        return {}


def reset() -> None:
    """Forget what was set: all widgets begin anew."""
    session.remember("whatif_round", session.remembered("whatif_round", 0) + 1)
    address.note("set", None)


def key_of(run: str, row: int, entry: Input) -> str:
    """Return the name under which a widget's value is remembered."""
    reset_before = session.remembered("whatif_round", 0)
    return f"whatif_{reset_before}_{run}_{row}_{entry.position}"


def begin(key: str, value: Any) -> str:
    """Give a widget its first value; return its key."""
    if session.remembered(key) is None:
        session.remember(key, value)
    return f"_{key}"


def copy_value(source: str, target: str, low: Any, high: Any) -> None:
    """Let the slider follow the number and the number the slider."""
    value = session.remembered(source)
    if value is not None:
        session.remember(target, min(max(value, low), high))


def number_widget(entry: Input, key: str, value: float, own: float) -> float:
    """Let a number be typed or slid; also left out, where it may be missing."""
    is_missing = False
    if entry.may_miss:
        off = begin(f"{key}_off", bool(np.isnan(value)))
        is_missing = st.checkbox(MISSING, key=off)
    ends = [entry.low, entry.high, *([] if np.isnan(own) else [own])]
    if np.isnan(entry.low):
        ends = [0.0] if np.isnan(own) else [own]
    low, high = entry.number(min(ends)), entry.number(max(ends))
    first = (low + high) / 2 if np.isnan(value) else entry.number(value)
    step = step_of(low, high)
    form = "%.10g"
    if entry.is_whole and first == int(first) and max(map(abs, ends)) < 2**53:
        low, high, first, form = int(low), int(high), int(first), "%d"
        step = max(int(step), 1)
    typed, slid = f"{key}_typed", f"{key}_slid"
    begin(typed, first)
    begin(slid, min(max(first, low), high))
    value = st.number_input(
        widgets.plain(entry.feature.name),
        step=step,
        format=form,
        key=f"_{typed}",
        disabled=is_missing,
        on_change=copy_value,
        args=(typed, slid, low, high),
    )
    if low < high:
        st.slider(
            widgets.plain(f"{entry.feature.name} (slider)"),
            low,
            high,
            step=step,
            format=form,
            key=f"_{slid}",
            disabled=is_missing,
            label_visibility="collapsed",
            on_change=copy_value,
            args=(slid, typed, low, high),
        )
    return float("nan") if is_missing else entry.code(value)


def step_of(low: float, high: float) -> float:
    """Return a round step, of which about a hundred fit into the range."""
    if high <= low:
        return 1.0
    return float(f"1e{int(np.floor(np.log10((high - low) / 50)))}")


def choice_widget(entry: Input, key: str, value: float) -> float:
    """Let a category be chosen, or a missing value."""
    codes = entry.choices
    names = [entry.text(code) for code in codes]
    first = len(codes) - 1 if np.isnan(value) else int(value)
    place = st.selectbox(
        widgets.plain(entry.feature.name),
        range(len(codes)),
        format_func=names.__getitem__,
        key=begin(key, first),
    )
    return codes[place]


def switch_widget(entry: Input, key: str, value: float) -> float:
    """Let a yes or no be switched."""
    name = widgets.plain(entry.feature.name)
    return float(st.toggle(name, key=begin(key, bool(value))))


def date_widget(entry: Input, key: str, value: float) -> float:
    """Let a date be chosen; a moment, or a date with a zone, is typed."""
    calendar, name = entry.feature.calendar, widgets.plain(entry.feature.name)
    assert calendar is not None
    if entry.may_miss:
        off = begin(f"{key}_off", bool(np.isnan(value)))
        if st.checkbox(MISSING, key=off):
            st.text_input(name, value=MISSING, disabled=True, key=f"_{key}_gone")
            return float("nan")
    first = (entry.low + entry.high) / 2 if np.isnan(value) else value
    if calendar.unit != "day" or calendar.zone is not None:
        text = st.text_input(name, key=begin(key, entry.text(first)))
        return entry.read(text)
    day = st.date_input(
        name,
        key=begin(key, calendar.last(first).date()),
        min_value=datetime.date(1, 1, 1),
        max_value=datetime.date(9999, 12, 31),
        format="YYYY-MM-DD",
    )
    return entry.read(day.isoformat())


def ask(entry: Input, key: str, own: float, value: float) -> float:
    """Show one feature's widget; return the value, the row's own for a bad one."""
    setters: dict[str, Callable[[Input, str, float], float]] = {
        "number": partial(number_widget, own=own),
        "choice": choice_widget,
        "switch": switch_widget,
        "date": date_widget,
    }
    try:
        chosen = setters[entry.kind](entry, key, value)
        entry.check(chosen)
    except InputError as error:
        st.error(widgets.plain(f"{error} The row's own value is kept."))
        return own
    if same(chosen, own):
        st.caption(f"as it is{'' if entry.is_used else '; only the teacher reads it'}")
    else:
        st.badge("changed", color="blue")
        st.caption(f"from {widgets.plain(entry.text(own))}")
    if entry.is_beyond(chosen):
        st.badge("outside what was seen", color="orange", icon=":material/warning:")
        st.caption(f"seen: {widgets.plain(entry.seen)}")
    return chosen


def same(first: float, second: float) -> bool:
    """Tell whether two values are one to the student."""
    if np.isnan(first) or np.isnan(second):
        return bool(np.isnan(first) and np.isnan(second))
    return bool(np.float32(first) == np.float32(second))


def choose_inputs(
    inputs: tuple[Input, ...], order: tuple[int, ...], changed: dict[int, float]
) -> list[int]:
    """Return whose widgets are shown: what matters most, what is changed or asked."""
    first = order if len(order) <= MOST_SHOWN + 4 else order[:MOST_SHOWN]
    names = [entry.feature.name for entry in inputs]
    options = [names[j] for j in order if j not in first]
    options += [names[j] for j in range(len(names)) if j not in order]
    further = []
    if options:
        further = st.multiselect(
            "Show further features",
            options,
            key="further",
            bind="query-params",
            help="Those that the student reads come first. What it does not read "
            "changes nothing for the student, but the teacher reads it.",
        )
    asked = [names.index(name) for name in further]
    return list(dict.fromkeys([*first, *changed, *asked]))


def show_answers(trial: WhatIf) -> None:
    """Show both models' answers to the row as it is and as it is set."""
    said = widgets.plain(trial.sentence)
    if trial.changes.empty:
        st.info(said)
    elif trial.student_before.decision == trial.student_after.decision:
        st.success(said, icon=":material/check:")
    else:
        st.warning(said, icon=":material/swap_horiz:")
    if trial.task == "regression":
        show_values(trial)
        return
    st.altair_chart(answers_chart(trial))
    with st.expander("The probabilities as a table"):
        widgets.table(answers_table(trial))


def show_values(trial: WhatIf) -> None:
    """Show the values, and by how much they moved."""
    pairs: list[tuple[str, Answer, Answer | None]] = [
        ("Student", trial.student_before, trial.student_after),
        ("Teacher", trial.teacher_before, trial.teacher_after),
    ]
    with st.container(horizontal=True):
        for who, before, after in pairs:
            for j, output in enumerate(trial.outputs):
                label = who if len(trial.outputs) == 1 else f"{who}, {output}"
                now = before if after is None else after
                moved = now.scores[j] - before.scores[j]
                delta = signed_text(moved, 4) if moved else None
                value = amount_text(now.scores[j], 6)
                if after is None:
                    label += " (of the row as it is)"
                st.metric(label, value, delta, delta_color="off", border=True)


def answers_table(trial: WhatIf) -> pd.DataFrame:
    """Return decisions and probabilities, before and after."""
    frame = trial.frame()
    frame["column"] = frame["model"] + ", " + frame["row"]
    wide = frame.pivot_table(
        index="output", columns="column", values="score", sort=False
    )
    return wide.round(3).reset_index()


def answers_chart(trial: WhatIf) -> Any:
    """Return bars of the probabilities: pale as it is, full when changed."""
    frame = trial.frame()
    best = frame.groupby("output", sort=False)["score"].max().nlargest(MOST_BARS)
    shown = frame[frame["output"].isin(best.index)]
    shown = shown.assign(who=shown["model"] + ", " + shown["row"])
    who = list(dict.fromkeys(shown["who"]))
    kinds = [name for name in trial.outputs if name in set(shown["output"])]
    pale = {
        "student, as it is": SKY,
        "student, changed": BLUE,
        "teacher, as it is": by_theme()["c9"],
        "teacher, changed": ORANGE,
    }
    colours = alt.Scale(domain=who, range=[pale[name] for name in who])
    return (
        alt.Chart(shown)
        .mark_bar()
        .encode(
            x=alt.X("score:Q", title="probability", scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("output:N", title=None, sort=kinds),
            yOffset=alt.YOffset("who:N", sort=who),
            color=alt.Color("who:N", scale=colours, title=None, sort=who),
            tooltip=["output:N", "who:N", alt.Tooltip("score:Q", format=".3f")],
        )
        .properties(description=trial.sentence, height=130 + 14 * len(who) * len(kinds))
        .configure_legend(orient="top", columns=2, labelLimit=200)
    )


def show_why(trial: WhatIf) -> None:
    """Show which leaf the changed row falls into, or what adds differently."""
    if trial.tests is None:
        show_parts(trial)
        return
    st.subheader("Where it falls", anchor=False)
    moved = trial.leaf_before != trial.leaf_after
    where = (
        f"From leaf {trial.leaf_before} to leaf {trial.leaf_after}"
        if moved
        else f"It stays in leaf {trial.leaf_after}"
    )
    st.markdown(f"{where}, whose rule is: {widgets.plain(trial.rule)}.")
    if trial.tests.empty:
        return
    broken = int((~trial.tests["holds"]).sum())
    st.caption(
        f"Of the {len(trial.tests)} tests on the way of the row as it is, {broken} "
        "turned out otherwise."
    )
    shown = trial.tests.drop(columns="node")[["holds", "before", "after", "test"]]
    widgets.table(
        shown.rename(columns={"holds": "still holds", "after": "now"}),
        column_config={"test": st.column_config.TextColumn(width="large")},
    )


def show_parts(trial: WhatIf) -> None:
    """Show what each feature adds to an output's sum, before and after."""
    assert trial.parts is not None
    st.subheader("What adds differently", anchor=False)
    moved = trial.parts[trial.parts["difference"] != 0]
    if moved.empty:
        st.text("Every feature adds what it added before.")
    else:
        st.caption(f"What each feature adds to {widgets.plain(trial.parts_of)}.")
        number = st.column_config.NumberColumn(format="%.4g")
        names = ("before", "after", "difference")
        widgets.table(moved, column_config=dict.fromkeys(names, number))


widgets.head(
    "What-if",
    "Set values of a row, and see at once what student and teacher make of it; nothing "
    "is saved.",
)
found, whole = caches.analysis(), caches.whole()
row = widgets.row_chooser()
original = row_of(whole.X, row - 1)
model = found.model
inputs = caches.kept("inputs", lambda: inputs_of(model, whole.X))
own = model.schema_.encode(original)[0].astype(float).tolist()
given = given_settings(row, inputs)
answers = st.container()
st.subheader("The values", anchor=False)
shown = choose_inputs(inputs, order_of_inputs(model, original), given)
chosen: dict[int, float] = {}
model_key = address.of_run()["run"]
with st.container(horizontal=True):
    for j in shown:
        with st.container(border=True, width=222, height="stretch"):
            key = key_of(model_key, row, inputs[j])
            chosen[j] = ask(inputs[j], key, own[j], given.get(j, own[j]))
changed = {j: value for j, value in chosen.items() if not same(value, own[j])}
address.note("set", write_settings(row, changed) if changed else None)
st.caption(
    f"{len(shown)} of {len(inputs)} features are shown; the others keep the row's "
    f"values. The student reads {sum(entry.is_used for entry in inputs)}. The address "
    "holds what is changed: a copy of it shows the same."
)
trial = try_values(model, original, changed, teacher_logits=whole.answers[row - 1])
with answers:
    show_answers(trial)
    if trial.teacher_after is None:
        st.caption(
            "The run does not hold the teacher, so what it would say of the changed "
            "row is not known."
        )
    with st.container(horizontal=True):
        st.button("Reset", on_click=reset, disabled=not changed)
        address.link("Explain the row as it is", "row", row=row)
if changed:
    st.subheader("What is changed", anchor=False)
    widgets.table(trial.changes.rename(columns={"is_used": "student reads it"}))
    show_why(trial)
