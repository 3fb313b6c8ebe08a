"""The rules: search, filter, sort, and see which rows one of them covers."""

from typing import Any

import address
import caches
import numpy as np
import pandas as pd
import row_list
import session
import streamlit as st
import widgets

from interpretkd._base import amount_text, counted, csv_text, prediction_text
from interpretkd.data import Schema
from interpretkd.evaluation import Analysis
from interpretkd.explain import shape_effects
from interpretkd.export import conditions_sql
from interpretkd.models import Forest
from interpretkd.rules import Rule, RuleSet, readable

# The widgets that leave rules out, and what they say when they do not.
FILTERS: dict[str, Any] = {
    "find": "",
    "asks": [],
    "decides": [],
    "covers": 0,
    "agrees": 0,
    "support": 0,
}

ORDERS = {
    "coverage": "coverage",
    "fidelity": "fidelity",
    "accuracy": "accuracy",
    "disagreements": "disagreements",
    "teacher_rmse": "error to the teacher",
    "label_rmse": "error to the labels",
    "lift": "lift",
    "recall": "recall",
    "confidence": "confidence",
    "prediction": "prediction",
    "conditions": "fewest conditions",
    "tree": "left to right",
}
ALWAYS = ("coverage", "prediction", "conditions", "tree")
DIALECTS = ("sqlite", "postgresql", "duckdb")
PARTS = ("all", "where they disagree", "where they agree")


def show_tree_rules(found: Analysis) -> None:
    """Show all controls, the rules that are left, and the chosen one."""
    rounded, joined = choose_form()
    if rounded:
        said = caches.kept("rounded", lambda: str(readable(found.tree, found.X)))
        st.caption(widgets.plain(said[:1].upper() + said[1:]) + ".")
    rules: RuleSet = caches.kept(
        "rules", lambda: form_of(found, rounded, joined), rounded, joined
    )
    shown = choose(found, rules)
    if not len(shown):
        st.info(
            "No rule passes all of these filters.", title=f"0 of {len(rules):,} rules"
        )
        st.button("Clear the filters", on_click=clear, type="primary")
        return
    covered = sum(rule.coverage for rule in shown)
    st.markdown(
        f"**{len(shown):,} of {len(rules):,} rules**, which cover {covered:.1%} of "
        f"{len(found):,} held-out rows"
    )
    show_rules(shown)
    show_rule(found, rules, shown)


def choose_form() -> tuple[bool, bool]:
    """Ask how the rules are written."""
    with st.container(horizontal=True):
        rounded = st.toggle(
            "Shorter thresholds",
            key="rounded",
            bind="query-params",
            help="Thresholds get the fewest digits with which every held-out row "
            "stays in its leaf.",
        )
        joined = st.toggle(
            "Join leaves that decide the same",
            key="joined",
            bind="query-params",
            help="Neighbouring leaves with one decision become one rule.",
        )
    return rounded, joined


def form_of(found: Analysis, rounded: bool, joined: bool) -> RuleSet:
    """Return all rules, as they are asked for."""
    rules = found.rules.merged() if joined else found.rules
    return rules.readable(found.X) if rounded else rules


def choose(found: Analysis, rules: RuleSet) -> RuleSet:
    """Ask which rules to show, in which order."""
    asked = asked_features(rules)
    left, middle, right = st.columns(3)
    text = left.text_input(
        "Search",
        key="find",
        bind="query-params",
        placeholder="in conditions and predictions",
    )
    features = middle.multiselect(
        "Asks for", asked, key="asks", bind="query-params", placeholder="any feature"
    )
    predictions: list[Any] = []
    if found.has_classes:
        classes = {prediction_text(name): name for name in rules.classes}
        chosen = right.multiselect(
            "Decides",
            list(classes),
            key="decides",
            bind="query-params",
            placeholder="any class" if found.task == "multiclass" else "any label",
        )
        predictions = [classes[name] for name in chosen]
    left, middle, right, last = st.columns(4)
    covers = left.slider(
        "Covers at least", 0, 100, 0, format="%d%%", key="covers", bind="query-params"
    )
    support = middle.number_input(
        "Rows at least", 0, len(found), 0, key="support", bind="query-params"
    )
    agrees = 0
    if found.has_classes:
        agrees = right.slider(
            "Fidelity at least",
            0,
            100,
            0,
            format="%d%%",
            key="agrees",
            bind="query-params",
            help="The share of the rule's rows on which the teacher decides the same.",
        )
    known = [ORDERS[name] for name in orders(rules)]
    named = last.selectbox("Sort by", known, key="order", bind="query-params")
    shown = rules.filter(
        text,
        features=features,
        predictions=predictions,
        min_coverage=covers / 100,
        min_rows=support,
        min_fidelity=agrees / 100 if agrees else None,
    )
    return shown.sort({text: name for name, text in ORDERS.items()}[named])


def asked_features(rules: RuleSet) -> list[str]:
    """Return the features of which any rule asks, in the order of the columns."""
    asked = {c.feature.name for rule in rules for c in rule.conditions}
    return [name for name in rules.tree.schema.names if name in asked]


def orders(rules: RuleSet) -> list[str]:
    """Return the orders of which something is known."""
    known = {"lift", "recall", "confidence", "teacher_rmse", "label_rmse"}
    fields = dict.fromkeys(known | {"fidelity", "accuracy"})
    known = {name for name in fields if getattr(rules[0], name) is not None}
    known |= {"disagreements"} if rules[0].n_disagree is not None else set()
    return [name for name in ORDERS if name in known or name in ALWAYS]


def clear() -> None:
    """Leave no rule out."""
    session.put(**FILTERS)


def show_rules(shown: RuleSet) -> None:
    """Show the rules as a table, as text and as a decision table."""
    as_table, as_text, as_decisions = st.tabs(["Table", "Text", "Decision table"])
    with as_table:
        show_table(shown)
    with as_text:
        st.code("\n".join(numbered(rule) for rule in shown), None, wrap_lines=True)
    with as_decisions:
        st.caption("One column a feature; exactly one rule applies to each row.")
        widgets.table(shown.decision_table(), alt="The rules as a decision table")
    st.download_button(
        "Download these rules (CSV)",
        lambda: csv_text(shown.to_frame(probabilities=True)),
        "rules.csv",
        "text/csv",
        on_click="ignore",
    )


def numbered(rule: Rule) -> str:
    """Return a rule's sentence with its number."""
    return f"{rule.number}. {rule.sentence}"


def show_table(shown: RuleSet) -> None:
    """Show the table; a row that is picked becomes the chosen rule."""
    numbers = [rule.number for rule in shown]
    key = f"rules_{hash(tuple((rule.number, rule.leaf) for rule in shown))}"

    def follow() -> None:
        for row in session.picked(key):
            session.put(rule=numbers[row])

    share = st.column_config.ProgressColumn
    widgets.table(
        frame_of(shown),
        key=key,
        on_select=follow,
        selection_mode="single-row",
        column_config={
            "rule": st.column_config.TextColumn(width="large"),
            "#": st.column_config.NumberColumn(width=40),
            "covers": share(format="percent", min_value=0, max_value=1, width=110),
            "fidelity": share(format="percent", min_value=0, max_value=1, width=110),
            "accuracy": st.column_config.NumberColumn(format="percent"),
            "probability": st.column_config.NumberColumn(format="%.3f"),
        },
        alt=f"{len(shown)} rules; the text beside it says the same",
    )


def frame_of(shown: RuleSet) -> pd.DataFrame:
    """Return what the table shows of each rule."""
    columns = {
        "#": [rule.number for rule in shown],
        "prediction": [rule.prediction_text for rule in shown],
        "covers": [rule.coverage for rule in shown],
        "fidelity": [rule.fidelity and rule.fidelity.value for rule in shown],
        "rule": [rule.brief_text for rule in shown],
        "rows": [rule.n_rows for rule in shown],
        "disagree in": [rule.n_disagree for rule in shown],
        "accuracy": [rule.accuracy and rule.accuracy.value for rule in shown],
        "probability": [rule.probability for rule in shown],
        "error to the teacher": [rule.teacher_rmse for rule in shown],
        "error to the labels": [rule.label_rmse for rule in shown],
        "joined": [rule.merged_text or None for rule in shown],
    }
    return pd.DataFrame(columns).dropna(axis="columns", how="all")


def show_rule(found: Analysis, rules: RuleSet, shown: RuleSet) -> None:
    """Show one rule: what it says, how it fares, which rows it covers."""
    st.subheader("One rule", anchor=False)
    by_number = {rule.number: rule for rule in shown}
    number = st.selectbox(
        "Rule",
        list(by_number),
        key="rule",
        bind="query-params",
        width=160,
        help="Choose a number, or pick a rule in the table.",
    )
    rule = by_number[number]
    st.code(rule.sentence, None, wrap_lines=True)
    st.markdown("**How it fares on the held-out rows**")
    widgets.table(measures(rule), alt="The measures of the rule with intervals")
    if rule.merged_text:
        st.caption(f"{rule.merged_text.capitalize()}.")
    show_sql(rule, rules.tree.schema)
    places = np.flatnonzero(covering(found, rules) == rules.rules.index(rule))
    show_rows(found, rule, places)


def measures(rule: Rule) -> pd.DataFrame:
    """Return what is known of a rule, in words, with intervals."""
    said = {
        "covers": f"{rule.coverage:.1%}, {counted(rule.n_rows, 'row')}",
        "the teacher agrees (fidelity)": rule.fidelity and f"{rule.fidelity:.1%}",
        "the label is this (accuracy)": rule.accuracy and f"{rule.accuracy:.1%}",
        "student's probability": rule.probability and f"{rule.probability:.3f}",
        "teacher's confidence": rule.confidence and f"{rule.confidence:.3f}",
        "lift over the share of this label": rule.lift and f"{rule.lift:.2f}",
        "recall of this label": rule.recall and f"{rule.recall:.1%}",
    }
    values = {"teacher": rule.teacher_value, "label": rule.label_value}
    for who, value in values.items():
        if value is not None:
            said[f"mean of the {who}"] = prediction_text(value)
    errors = {"teacher": rule.teacher_rmse, "label": rule.label_rmse}
    for who, error in errors.items():
        said[f"error (RMSE) to the {who}"] = error and amount_text(error, 4)
    known = {name: text for name, text in said.items() if text}
    return pd.DataFrame({"measure": known.keys(), "value": known.values()})


def show_sql(rule: Rule, schema: Schema) -> None:
    """Show the rule's conditions as SQL, to be copied."""
    dialect = st.selectbox(
        "As SQL, for", DIALECTS, key="dialect", bind="query-params", width=200
    )
    with widgets.problems("This rule cannot be written in SQL"):
        text = conditions_sql(rule.conditions, dialect=dialect, schema=schema)
        st.code(f"SELECT * FROM rows\nWHERE {text}", "sql", wrap_lines=True)


def covering(found: Analysis, rules: RuleSet) -> np.ndarray:
    """Return which rule covers each row, by its position."""
    key = hash(tuple((rule.leaf, rule.condition_text) for rule in rules))
    place: np.ndarray = caches.kept("covering", lambda: rules.apply(found.X), key)
    return place


def show_rows(found: Analysis, rule: Rule, places: np.ndarray) -> None:
    """Show the rows that a rule covers."""
    st.markdown("**Its rows**")
    if not len(places):
        st.caption("It covers no held-out row.")
        return
    if found.has_classes:
        disagreeing = ~found.agrees[places]
        st.markdown(
            f"It covers **{len(places):,}** held-out rows; student and teacher "
            f"disagree on **{disagreeing.sum():,}** of them."
        )
        chosen = st.segmented_control(
            "Show",
            PARTS,
            default=PARTS[0],
            required=True,
            key="those",
            bind="query-params",
            wrap=True,
        )
        if chosen != PARTS[0]:
            places = places[disagreeing if chosen == PARTS[1] else ~disagreeing]
    if not len(places):
        st.caption("There is no such row.")
        return
    first = [condition.feature.name for condition in rule.conditions]
    row_list.row_list(
        found,
        places,
        "covered",
        lambda some: row_list.who_says(found, places[some]),
        first,
    )


def show_forest_rules(found: Analysis) -> None:
    """Show the leaves of boosted trees that move most."""
    with st.spinner("Adding up what the trees say ..."):
        effects = found.over_some_rows(shape_effects)
    st.markdown(
        f"{effects.n_trees:,} trees have {effects.n_leaves:,} leaves, too many to read "
        f"one by one. These {len(effects.rules)} move the sums most; leaves of "
        "the same conditions count as one."
    )
    frame = effects.top_rules()
    text = st.text_input("Search", key="find", bind="query-params")
    kept = frame["rule"].str.casefold().str.contains(text.casefold(), regex=False)
    frame = frame[kept].drop(columns="output" if len(effects.outputs.names) < 2 else [])
    st.markdown(f"**{len(frame):,} of {len(effects.rules):,} rules**")
    if not len(frame):
        st.button("Clear the search", on_click=lambda: session.put(find=""))
        return
    share = st.column_config.ProgressColumn
    widgets.table(
        frame,
        column_config={
            "rule": st.column_config.TextColumn(width="large"),
            "output": st.column_config.TextColumn("adds to"),
            "value": st.column_config.NumberColumn("adds", format="%+.3g"),
            "coverage": share("covers", format="percent", min_value=0, max_value=1),
            "n_rows": st.column_config.NumberColumn("rows"),
            "contribution": st.column_config.NumberColumn(format="%.3g"),
            "n_trees": st.column_config.NumberColumn("trees"),
        },
        alt="The leaves that move most; the text below says the same",
    )
    with st.expander("The same as text"):
        lines = [str(r) for r, on in zip(effects.rules, kept, strict=True) if on]
        st.code("\n".join(lines), None, wrap_lines=True)
    st.download_button(
        "Download these rules (CSV)",
        lambda: csv_text(frame),
        "rules.csv",
        "text/csv",
        on_click="ignore",
    )
    address.link("See the shapes of the effects", "effects")


widgets.head(
    "Rules",
    "Search and filter the rules, pick one, and see how often the teacher agrees and "
    "which rows it covers.",
)
found = caches.analysis()
if found.tree is not None:
    show_tree_rules(found)
elif isinstance(found.form, Forest):
    show_forest_rules(found)
else:
    st.info("A linear student adds up terms and has no rules: see Effects.")
    address.link("Go to Effects", "effects")
