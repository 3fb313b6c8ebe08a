"""One row: what both models decide, why the student does, and what would change it."""

from typing import Any

import address
import altair as alt
import caches
import numpy as np
import pandas as pd
import streamlit as st
import widgets
from chart_colours import BLUE, ORANGE, VERMILION

from interpretkd._base import InputError, amount_text, prediction_text, signed_text
from interpretkd.data import Schema, image_schema, value_text
from interpretkd.distillation import given_rows, output_names
from interpretkd.explain import (
    Counterfactual,
    RowExplanation,
    explain_row,
    label_text,
    order_of_inputs,
    path_image,
    row_of,
    settings_between,
    write_settings,
)
from interpretkd.models import (
    given_schema,
    has_own_columns,
    schema_seen,
    used_positions,
    view_makes_columns,
)

ANY = "any other decision"
MOST_BARS, N_COUNTERFACTUALS = 12, 3


def say_verdict(explanation: RowExplanation, label: str | None) -> None:
    """Say on top what both decide."""
    known = "" if label is None else f" The label is {label}."
    said = widgets.plain(explanation.sentence + known)
    if explanation.agrees is None:
        st.info(said)
    elif explanation.agrees:
        st.success(said, icon=":material/check:")
    else:
        st.warning(said, icon=":material/difference:")


def show_scores(explanation: RowExplanation) -> None:
    """Show student and teacher side by side: bars where there are several, a table."""
    frame = explanation.scores_frame()
    is_value = explanation.probability is None
    st.subheader("What both say", anchor=False)
    form = "%.6g" if is_value else "%.3f"
    column = st.column_config.NumberColumn(format=form)
    columns = {"student": column, "teacher": column}
    if is_value and len(frame) == 1:
        widgets.table(frame, column_config=columns)
        return
    best = frame[["student", "teacher"]].max(axis=1)
    shown = frame.loc[best.nlargest(MOST_BARS).index.sort_values()]
    st.altair_chart(scores_chart(shown, explanation.sentence, is_value=is_value))
    if len(shown) < len(frame):
        st.caption(f"The {len(shown)} largest of {len(frame)}; the table has all.")
    widgets.table(frame, column_config=columns)


def scores_chart(frame: pd.DataFrame, said: str, *, is_value: bool) -> Any:
    """Return bars of both models, beside each other for each class."""
    long = frame.melt("output", var_name="model", value_name="score")
    scale = alt.Scale() if is_value else alt.Scale(domain=[0, 1])
    colours = alt.Scale(domain=["student", "teacher"], range=[BLUE, ORANGE])
    return (
        alt.Chart(long)
        .mark_bar()
        .encode(
            x=alt.X(
                "score:Q",
                title="value" if is_value else "probability",
                scale=scale,
            ),
            y=alt.Y("output:N", title=None, sort=list(frame["output"])),
            yOffset=alt.YOffset("model:N", sort=["student", "teacher"]),
            color=alt.Color("model:N", scale=colours, title=None),
            tooltip=["output:N", "model:N", alt.Tooltip("score:Q", format=".4g")],
        )
        .properties(description=said, height=120 + 40 * len(frame))
        .configure_legend(orient="top")
    )


def show_features(model: Any, row: Any, explanation: RowExplanation) -> None:
    """Show the row in its own units, what the student reads first."""
    st.subheader("The row", anchor=False)
    used = set(used_positions(model.student_.form_))
    if view_makes_columns(model):  # the features are those of its view
        order, cells = tuple(sorted(used)), list(explanation.values.items())
    else:
        order = order_of_inputs(model, row)
        codes = model.schema_.encode(given_rows(model, row))[0].tolist()
        features = zip(model.schema_.features, codes, strict=True)
        cells = [(one.name, value_text(one, code)) for one, code in features]
    rest = [j for j in range(len(cells)) if j not in used]
    frame = pd.DataFrame(
        [(*cells[j], j in used) for j in [*order, *rest]],
        columns=["feature", "value", "student reads it"],
    )
    widgets.table(frame, height="auto" if len(frame) < 12 else 422)
    st.caption(
        f"The student reads {len(used)} of {len(cells)} features, those that matter "
        "most here first."
    )


def show_path(explanation: RowExplanation) -> None:
    """Show the tests on the way to the leaf, with the margins."""
    st.subheader(f"The way to leaf {explanation.leaf}", anchor=False)
    frame = explanation.to_frame()
    if frame.empty:
        st.text("There is no test: the tree is a single leaf.")
        return
    frame.insert(0, "step", range(1, len(frame) + 1))
    number = st.column_config.NumberColumn
    widgets.table(
        frame[["step", "feature", "value", "margin", "relative_margin", "test"]],
        column_config={
            "test": st.column_config.TextColumn("fulfils", width="large"),
            "margin": number(
                "margin",
                format="%.4g",
                help="How far the value is from the threshold, in the feature's units.",
            ),
            "relative_margin": number(
                "in spreads",
                format="%.2f",
                help="The same in standard deviations of the feature.",
            ),
        },
    )
    far = frame["relative_margin"]
    if far.notna().any():
        tight = frame.loc[far.idxmin()]
        st.caption(
            f"The closest call: {widgets.plain(tight['test'])}, by "
            f"{tight['relative_margin']:.2f} standard deviations."
        )
    with st.expander("The way in words"):
        st.text(
            "\n".join(
                f"{t.step}. {t.test} (here {t.value})" for t in frame.itertuples()
            )
        )


def show_parts(explanation: RowExplanation) -> None:
    """Show what each feature adds for boosted and linear students."""
    frame = explanation.to_frame()
    st.subheader("What adds up to the decision", anchor=False)
    output = 0
    if len(explanation.sums_of) > 1:
        output = st.selectbox(
            "What adds to",
            range(len(explanation.sums_of)),
            index=explanation.main_sum,
            format_func=explanation.sums_of.__getitem__,
            key=f"_adds_to_{explanation.main_sum}",
        )
    about = widgets.plain(explanation.sums_of[output])
    column = frame.columns[2 + output]
    short = frame[["feature", "value"]].assign(adds=frame[column])
    rest = short[1:]
    strongest = rest["adds"].abs().nlargest(MOST_BARS).index
    shown = rest.loc[strongest][rest.loc[strongest, "adds"] != 0]
    shown = shown.assign(
        name=np.where(
            shown["value"] == "",
            shown["feature"],
            shown["feature"] + " = " + shown["value"],
        ),
        way=np.where(shown["adds"] > 0, "adds", "takes off"),
    )
    pairs = zip(shown["name"], shown["adds"], strict=True)
    said = "; ".join(f"{name} {signed_text(adds, 3)}" for name, adds in pairs)
    st.altair_chart(parts_chart(shown, f"What adds to {about}: {said}"))
    base, total = float(short["adds"].iloc[0]), float(short["adds"].sum())
    st.caption(
        f"Of a mean row {about} is {amount_text(base, 3)}; the features of this row "
        f"add to it, which gives {amount_text(total, 4)}"
        f"{probability_text(explanation, output, total)}."
    )
    with st.expander("All features and outputs as a table"):
        widgets.table(frame)


def probability_text(explanation: RowExplanation, output: int, total: float) -> str:
    """Say which probability a logit stands for, where it does so by itself."""
    about = explanation.sums_of[output]
    alone = len(explanation.sums_of) == 1 or isinstance(explanation.prediction, tuple)
    if not alone or not about.startswith("the logit"):
        return ""
    return f", a probability of {1 / (1 + np.exp(-total)):.3f}"


def parts_chart(shown: pd.DataFrame, said: str) -> Any:
    """Return bars to the right and to the left of zero."""
    colours = alt.Scale(domain=["adds", "takes off"], range=[BLUE, VERMILION])
    return (
        alt.Chart(shown)
        .mark_bar()
        .encode(
            x=alt.X("adds:Q", title="adds"),
            y=alt.Y(
                "name:N",
                title=None,
                sort=list(shown["name"]),
                axis=alt.Axis(labelLimit=260, labelOverlap=False),
            ),
            color=alt.Color("way:N", scale=colours, title=None),
            tooltip=["name:N", alt.Tooltip("adds:Q", format="+.4g")],
        )
        .properties(description=said, height=130 + 24 * len(shown))
        .configure_legend(orient="top")
    )


def choose_desired(found: Any) -> Any:
    """Ask which decision is desired instead; None for any other."""
    names = output_names(found.model)
    if found.task == "regression":
        columns = st.columns(2)
        low = columns[0].number_input(
            "Desired value from", value=None, key="desired_from", bind="query-params"
        )
        high = columns[1].number_input(
            "to", value=None, key="desired_to", bind="query-params"
        )
        if low is None and high is None:
            return None
        if low is None or high is None:
            raise InputError("A desired range needs both ends: give the other, too.")
        if low > high:
            raise InputError(f"A range goes upwards. Got {low:g} to {high:g}.")
        return (low, high)
    if found.task == "multilabel":
        if not st.toggle(
            "I want certain labels", key="desired_some", bind="query-params"
        ):
            return None
        on = st.multiselect("Exactly these labels", names, key="desired_labels")
        return tuple(found.model.classes_[[names.index(name) for name in on]].tolist())
    # Of two classes there is only one other.
    if len(names) < 3:
        return None
    chosen = st.selectbox(
        "Desired decision", [ANY, *names], key="desired", bind="query-params"
    )
    if chosen == ANY and ANY not in names:
        return None
    return found.model.classes_[names.index(chosen)]


def choose_limits(model: Any, used: list[str]) -> dict[str, tuple[str, ...]]:
    """Ask which features may not change, or in one direction only."""
    kinds = {feature.name: feature for feature in model.schema_.features}
    numbers = [name for name in used if not kinds[name].is_categorical]
    asked = {
        "immutable": st.multiselect(
            "Features that may not change", used, key="immutable", bind="query-params"
        )
    }
    if numbers:
        asked["only_up"] = st.multiselect(
            "Features that may only rise", numbers, key="only_up", bind="query-params"
        )
        asked["only_down"] = st.multiselect(
            "Features that may only fall", numbers, key="only_down", bind="query-params"
        )
    return {name: tuple(columns) for name, columns in asked.items()}


def show_counterfactuals(
    row: int, explanation: RowExplanation, rows: Any, model: Any
) -> None:
    """Show the nearest changes, and offer to try each."""
    if not explanation.counterfactuals:
        st.info(explanation.none_found)
        return
    for number, counterfactual in enumerate(explanation.counterfactuals, start=1):
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(counterfactual_text(counterfactual))
            settings = settings_between(model, rows, counterfactual.row)
            address.link(
                f"Try change {number}",
                "whatif",
                row=row,
                set=write_settings(row, settings),
            )
    if explanation.counterfactuals[0].teacher_follows is None:
        st.caption(
            "The run does not hold the teacher, so it cannot be asked whether it goes "
            "along."
        )
    with st.expander("The changes as a table"):
        frame = explanation.counterfactuals_frame()
        for column in ("prediction", "teacher_prediction"):
            frame[column] = [
                None if cell is None else prediction_text(cell)
                for cell in frame[column]
            ]
        widgets.table(frame)


def counterfactual_text(counterfactual: Counterfactual) -> str:
    """Return one change in words, as Markdown."""
    changes = " and ".join(
        f"**{widgets.plain(change.feature)}** from {widgets.plain(change.before)} to "
        f"**{widgets.plain(change.after)}**"
        for change in counterfactual.changes
    )
    if counterfactual.stands_alone:
        changes += " (hardly any held-out row is like that)"
    says = widgets.plain(prediction_text(counterfactual.prediction))
    if counterfactual.probability is not None:
        says += f" ({counterfactual.probability:.3f})"
    text = f"Change {changes}: the student says **{says}**"
    if counterfactual.teacher_follows is None:
        return f"{text}."
    teacher = widgets.plain(prediction_text(counterfactual.teacher_prediction))
    verb = "goes along" if counterfactual.teacher_follows else "does not go along"
    return f"{text}; the teacher **{verb}** and says {teacher}."


def links(found: Any, row: int, *, is_image: bool) -> None:
    """Lead on to the other pages about this row."""
    with st.container(horizontal=True):
        if not view_makes_columns(found.model):
            address.link("What if ...", "whatif", row=row)
        if found.tree is not None:
            address.link("Show its path in the tree", "tree", row=row, way="true")
        if is_image:
            address.link("Show it as an image", "images", row=row)


def show_picture(model: Any, rows: Any, row: int, schema: Schema) -> None:
    """Show the row's image in small, with the tested pixels."""
    with widgets.problems("No picture"):
        picture = caches.kept(
            "path_image", lambda: path_image(model, rows, schema=schema), row
        )
        theme = "dark" if st.context.theme.type == "dark" else "light"
        st.image(picture.svg(theme=theme), alt=picture.alt, width=480)


widgets.head(
    "Row",
    "Choose a row to see how student and teacher decide it, why the student does, and "
    "which change would make it decide otherwise.",
)
found, whole = caches.analysis(), caches.whole()
row = widgets.row_chooser()
position = row - 1
model, rows = found.model, row_of(whole.X, position)
features = given_schema(model.student_.form_).features
used = [features[j].name for j in used_positions(model.student_.form_)]


def explain(desired: Any = None, **limits: Any) -> Any:
    """Explain the row, once for each setting."""
    return caches.kept(
        "explain_row",
        lambda: explain_row(
            model,
            rows,
            X=whole.X,
            teacher_logits=whole.answers[position],
            desired=desired,
            n_counterfactuals=N_COUNTERFACTUALS,
            **limits,
        ),
        *(row, N_COUNTERFACTUALS, repr(desired), *sorted(limits.items())),
    )


schema = image_schema(schema_seen(model), model)
explanation = explain()
label = None if whole.y is None else label_text(model, whole.y[position])
say_verdict(explanation, label)
links(found, row, is_image=schema is not None)
show_scores(explanation)
if found.tree is not None and schema is not None:
    show_picture(model, rows, row, schema)
show_features(model, rows, explanation)
if explanation.contributions is None:
    show_path(explanation)
else:
    show_parts(explanation)
st.subheader("What would change the decision", anchor=False)
if has_own_columns(model):
    st.info(widgets.plain(explanation.none_found))
    st.stop()
with widgets.problems("This cannot be looked for"):
    with st.container(horizontal=True):
        desired = choose_desired(found)
        limits = choose_limits(model, used)
    show_counterfactuals(row, explain(desired, **limits), rows, model)
