import re
import subprocess
import sys
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.datasets import load_diabetes, load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import confusion_matrix, r2_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier

from interpretkd._base import InputError
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.drawing import label, shortened
from interpretkd.evaluation import (
    ConfusionDisplay,
    ReliabilityDisplay,
    ResidualDisplay,
    analyse,
)
from interpretkd.explain import CoefficientDisplay, ShapeDisplay, shape_effects
from interpretkd.metrics import wilson_interval
from interpretkd.model_selection import SizeDisplay
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent
from interpretkd.targets import probabilities

HOSTILE = (
    "<img src=x onerror=alert(1)>", "a\"b'c", "line\nbreak", "x" * 200, "مرحبا بالعالم",
    "🦊 emoji 漢字", "=1+1", "a|b\\c", "</script>", "100%_#", "$x^2$", "\\$x$",
    "_hidden", "-->", "$\\frac{", "]]>&amp;", "\u202egnp.exe\x00\x1b[31m",
)  # fmt: skip
GREEDY = CartStudent(max_leaves=8, search="greedy")


def distil(X: Any, y: Any, student: Any = GREEDY, teacher: Any = None) -> Any:
    teacher = teacher or LogisticRegression(max_iter=3000)
    frozen = FrozenEstimator(teacher.fit(X, y))
    return DistilledClassifier(frozen, student, target="soft", random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def iris() -> Any:
    return load_iris(return_X_y=True, as_frame=True)


@pytest.fixture(scope="module")
def three(iris: Any) -> Any:
    return distil(*iris)


@pytest.fixture(scope="module")
def two(iris: Any) -> Any:
    X, y = iris
    return distil(X, np.where(y == 1, "yes", "no"))


@pytest.fixture(scope="module")
def labels(iris: Any) -> Any:
    X, y = iris
    Y = np.column_stack([y == 1, y > 0]).astype(int)
    teacher = OneVsRestClassifier(LogisticRegression(max_iter=3000))
    model = DistilledClassifier(FrozenEstimator(teacher.fit(X, Y)), GREEDY)
    return model.fit(X, Y), X, Y


@pytest.fixture(scope="module")
def values() -> Any:
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    teacher = FrozenEstimator(LinearRegression().fit(X, y))
    return DistilledRegressor(teacher, GREEDY, random_state=0).fit(X, y), X


@pytest.fixture(scope="module")
def hostile_frame() -> pd.DataFrame:
    n = len(HOSTILE) * 12
    rng = np.random.default_rng(0)
    return pd.DataFrame({"$y$ <b>": np.tile(HOSTILE, 12), "\n_z": rng.normal(size=n)})


def sizes(names: Any = ("tree", "linear")) -> pd.DataFrame:
    rows = [
        {
            "student": name,
            "items": items,
            "fidelity": 0.7 + 0.02 * k + 0.001 * i,
            "fidelity_low": 0.65 + 0.02 * k,
            "fidelity_high": 0.75 + 0.02 * k,
            "accuracy": 0.6,
            "pareto": i == 0,
            "knee": i == 0 and items == 4,
            "recommended": i == 0 and items == 8,
        }
        for i, name in enumerate(names)
        for k, items in enumerate((2, 4, 8))
    ]
    return pd.DataFrame(rows)


def shapes() -> pd.DataFrame:
    nan, inf = np.nan, np.inf
    return pd.DataFrame(
        {
            "feature": ["age"] * 4 + ["home"] * 3,
            "low": [-inf, 20, 40, nan, nan, nan, nan],
            "high": [20, 40, inf, nan, nan, nan, nan],
            "category": [None] * 4 + ["own", "rent", None],
            "missing": [False, False, False, True, False, False, True],
            "effect": [-1.0, 0.5, 1.5, 0.25, 0.1, -0.2, 0.3],
            "n_rows": [10, 20, 30, 5, 40, 20, 5],
        }
    )


@pytest.fixture(scope="module")
def displays(three: Any, two: Any, labels: Any, values: Any, iris: Any) -> Any:
    X, y = iris
    linear = distil(X, y, LinearStudent(max_terms=3))
    boosted = distil(X, y, BoostedStudent(n_rounds=5, max_depth=2))
    found = analyse(three, X, y)
    return {
        "size": SizeDisplay.from_frontier(sizes()),
        "path": SizeDisplay.from_path(found.sizes),
        "confusion": ConfusionDisplay.from_analysis(found),
        "labels": ConfusionDisplay.from_model(labels[0], labels[1]),
        "reliability": ReliabilityDisplay.from_analysis(found),
        "coefficients": CoefficientDisplay.from_model(linear, X),
        "shapes": ShapeDisplay.from_effects(shape_effects(boosted, X)),
        "shape": ShapeDisplay.from_effects(shapes()),
        "residuals": ResidualDisplay.from_model(*values),
    }


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [e.text or "" for e in root.iter() if e.tag.endswith("}text")]


def drawn_texts(display: Any) -> list[str]:
    return [text.get_text() for text in display.plot().figure_.findobj(mpl.text.Text)]


# What is shown


def test_confusion_counts_as_scikit_learn_does(three: Any, iris: Any) -> None:
    X, _ = iris
    frame = ConfusionDisplay.from_model(three, X).frame()
    teacher, own = three.teacher_.logits(X).argmax(axis=1), three.predict(X)
    expected = confusion_matrix(teacher, own)
    np.testing.assert_array_equal(frame["n_rows"], expected.ravel())
    shares = confusion_matrix(teacher, own, normalize="true")
    np.testing.assert_allclose(frame["share"], shares.ravel())
    assert list(frame["teacher"][:4]) == ["0", "0", "0", "1"]


def test_confusion_takes_what_the_teacher_said(three: Any, iris: Any) -> None:
    X, _ = iris
    said = np.tile([9.0, 0.0, 0.0], (len(X), 1))
    frame = ConfusionDisplay.from_model(three, X, teacher_logits=said).frame()
    assert frame.loc[frame["teacher"] != "0", "n_rows"].sum() == 0
    assert frame.loc[frame["teacher"] != "0", "share"].isna().all()


@pytest.mark.parametrize("said", [np.zeros((2, 3)), np.zeros((150, 2)), np.nan])
def test_what_the_teacher_said_must_fit_the_rows(
    three: Any, iris: Any, said: Any
) -> None:
    X, _ = iris
    given = np.full((len(X), 3), said) if np.ndim(said) == 0 else said
    with pytest.raises(InputError, match="'teacher_logits' must be finite numbers"):
        ConfusionDisplay.from_model(three, X, teacher_logits=given)


def test_confusion_of_labels_says_who_gives_each(labels: Any) -> None:
    model, X, _ = labels
    display = ConfusionDisplay.from_model(model, X)
    teacher, own = model.teacher_.logits(X) > 0, model.logits(X) > 0
    frame = display.frame().set_index(["label", "decided_by"])["n_rows"]
    for j, name in enumerate(model.classes_):
        assert frame[str(name), "both"] == (teacher & own)[:, j].sum()
        assert frame[str(name), "teacher alone"] == (teacher & ~own)[:, j].sum()
        assert frame[str(name), "neither"] == (~teacher & ~own)[:, j].sum()
    assert frame.sum() == 2 * len(X)
    assert "2 labels" in display.alt


def test_many_classes_are_joined_in_the_picture_alone() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(600) % 30
    X = np.column_stack([y + rng.normal(0, 1, 600), y % 7])
    teacher = KNeighborsClassifier(3).fit(X, y)
    student = CartStudent(max_leaves=30, search="greedy")
    model = DistilledClassifier(FrozenEstimator(teacher), student, target="hard")
    display = ConfusionDisplay.from_model(model.fit(X, y), X)
    assert len(display.frame()) == 900
    ax = display.plot().ax_
    ticks = [text.get_text() for text in ax.get_yticklabels()]
    assert len(ticks) == 17
    assert ticks[-1] == "14 others"
    cells = [text.get_text().split("\n")[0] for text in ax.texts]
    assert sum(int(cell.replace(",", "")) for cell in cells) == 600


def test_reliability_of_two_classes_is_that_of_the_second(two: Any, iris: Any) -> None:
    X, y = iris
    own = np.where(y == 1, "yes", "no")
    display = ReliabilityDisplay.from_model(two, X, own, n_bins=5)
    chance = probabilities(two.logits(X))[:, 1]
    frame = display.frame()
    part = frame[frame["model"] == "student"]
    there = [(chance >= a) & (chance < b) for a, b in part[["low", "high"]].to_numpy()]
    assert part["n_rows"].tolist() == [int(rows.sum()) for rows in there]
    np.testing.assert_allclose(part["claimed"], [chance[rows].mean() for rows in there])
    np.testing.assert_allclose(
        part["observed"], [(own[rows] == "yes").mean() for rows in there]
    )
    first = there[0]
    interval = wilson_interval(int((own[first] == "yes").sum()), int(first.sum()))
    assert part["observed_low"].iloc[0] == interval.low
    error = sum(
        rows.mean() * abs((own[rows] == "yes").mean() - chance[rows].mean())
        for rows in there
    )
    assert display.errors["student"] == pytest.approx(error)
    assert "probability of yes" in display.title


def test_reliability_of_many_classes_is_that_of_the_decision(
    three: Any, iris: Any
) -> None:
    X, y = iris
    display = ReliabilityDisplay.from_model(three, X, y, n_bins=1)
    frame = display.frame().set_index("model")
    chances = probabilities(three.teacher_.logits(X))
    assert frame.loc["teacher", "claimed"] == pytest.approx(chances.max(axis=1).mean())
    right = (chances.argmax(axis=1) == y).mean()
    assert frame.loc["teacher", "observed"] == pytest.approx(right)
    same = ReliabilityDisplay.from_analysis(analyse(three, X, y), n_bins=1)
    pd.testing.assert_frame_equal(same.frame(), display.frame())


def test_reliability_of_labels_pools_them(labels: Any) -> None:
    model, X, Y = labels
    frame = ReliabilityDisplay.from_model(model, X, Y, n_bins=1).frame()
    assert frame["n_rows"].tolist() == [2 * len(X)] * 2
    assert frame["observed"].tolist() == pytest.approx([Y.mean()] * 2)


def test_residuals_are_those_of_the_rows(values: Any) -> None:
    model, X = values
    display = ResidualDisplay.from_model(model, X)
    frame = display.frame()
    teacher, own = model.teacher_.logits(X)[:, 0], model.predict(X)
    np.testing.assert_allclose(frame["difference"], own - teacher)
    assert f"R2 {r2_score(teacher, own):.3f}" in display.alt
    assert f"{len(X)} rows" in display.alt


def test_many_residuals_are_counted(values: Any) -> None:
    model, X = values
    display = ResidualDisplay.from_model(model, pd.concat([X] * 6))
    assert len(display.frame()) == 6 * len(X)
    assert len(display.svg()) < 150_000


def test_residuals_of_several_outputs() -> None:
    X, y = load_diabetes(return_X_y=True)
    Y = np.column_stack([y, -y])
    teacher = FrozenEstimator(LinearRegression().fit(X, Y))
    model = DistilledRegressor(teacher, GREEDY, random_state=0).fit(X, Y)
    display = ResidualDisplay.from_analysis(analyse(model, X, Y))
    assert display.frame()["output"].unique().tolist() == ["output 0", "output 1"]
    np.testing.assert_allclose(display.frame()["student"], model.predict(X).T.ravel())
    assert "output 1" in texts(display.svg())


def test_coefficients_are_the_model_s(iris: Any) -> None:
    X, y = iris
    model = distil(X, y, LinearStudent(max_terms=3))
    form = model.student_.form_
    frame = CoefficientDisplay.from_model(form).frame()
    table = form.to_frame()
    for row in frame.itertuples():
        assert table.loc[row.term, row.output] == row.coefficient
    assert len(frame) == np.count_nonzero(form.coefficients)
    assert (np.diff(frame["coefficient"].abs()) <= 0).all()
    scaled = CoefficientDisplay.from_model(form, X).frame()
    np.testing.assert_allclose(
        scaled["standardised"],
        scaled["coefficient"] * X.std(ddof=0)[scaled["feature"]].to_numpy(),
    )


def test_only_the_largest_coefficients_are_drawn(two: Any, iris: Any) -> None:
    X, y = iris
    model = distil(X, np.where(y == 1, "yes", "no"), LinearStudent(strength=0.001))
    display = CoefficientDisplay.from_model(model, X, n_terms=2)
    assert len(display.frame()) > 2
    shown = [text.get_text() for text in display.plot().ax_.get_yticklabels()]
    assert shown == display.frame()["term"][:2].tolist()


def test_nothing_to_draw_is_said(iris: Any) -> None:
    X, _ = iris
    constant = LinearRegression().fit(X, np.zeros(len(X)))
    frozen = FrozenEstimator(constant)
    for student in (LinearStudent(strength=0), BoostedStudent(n_rounds=2)):
        model = DistilledRegressor(frozen, student, random_state=0).fit(X)
        if isinstance(student, LinearStudent):
            display: Any = CoefficientDisplay.from_model(model)
        else:
            display = ShapeDisplay.from_effects(shape_effects(model, X))
        assert display.frame().empty
        assert "nothing" in display.alt
        assert any(text.startswith("no ") for text in texts(display.svg()))


def test_shapes_are_the_effects(iris: Any) -> None:
    X, y = iris
    model = distil(X, y, BoostedStudent(n_rounds=5, max_depth=2))
    effects = shape_effects(model, X)
    display = ShapeDisplay.from_effects(effects, n_features=2)
    whole = effects.to_frame()
    kept = whole[whole["feature"].isin(effects.features[:2])]
    pd.testing.assert_frame_equal(display.frame(), kept.reset_index(drop=True))
    same = ShapeDisplay.from_effects(whole, [effects.features[1]])
    assert same.frame()["feature"].unique().tolist() == [effects.features[1]]


def test_shapes_have_a_mark_for_the_missing() -> None:
    display = ShapeDisplay.from_effects(shapes())
    assert "age from -1 at 20 and below to +1.5 at above 40" in display.alt
    assert "home from -0.2 at rent to +0.3 at missing" in display.alt
    figure = display.plot().figure_
    marks = [
        line.get_ydata()[0]
        for ax in figure.axes
        for line in ax.lines
        if line.get_marker() not in ("None", "", None)
    ]
    assert marks == [0.25]
    assert texts(display.svg()).count("missing") == 2


def test_dates_are_written_as_dates() -> None:
    days = pd.Series(pd.date_range("2020-01-01", periods=200))
    X = pd.DataFrame({"day": days})
    student = BoostedStudent(n_rounds=3, max_depth=2).fit(
        X, (days.dt.month > 3).astype(float)
    )
    display = ShapeDisplay.from_effects(shape_effects(student, X))
    assert "2020-03-31" in display.alt
    assert any(text.startswith("2020-") for text in texts(display.svg()))


def test_many_categories_are_joined_in_the_picture_alone() -> None:
    names = [f"c{i}" for i in range(30)]
    frame = pd.DataFrame(
        {
            "feature": "x",
            "low": np.nan,
            "high": np.nan,
            "category": names,
            "missing": False,
            "effect": np.arange(30.0),
            "n_rows": np.arange(1, 31),
        }
    )
    display = ShapeDisplay.from_effects(frame)
    assert len(display.frame()) == 30
    said = texts(display.svg())
    assert "17 others (mean)" in said
    assert "c29" in said
    assert "c0" not in said


def test_sizes_show_the_table(three: Any, iris: Any) -> None:
    display = SizeDisplay.from_frontier(sizes())
    pd.testing.assert_frame_equal(display.frame(), sizes())
    assert "tree from 0.700 at 2 to 0.740 at 8" in display.alt
    assert "Recommended: tree at 8, 0.740. Knee: tree at 4, 0.720." in display.alt
    ax = display.plot().ax_
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    np.testing.assert_allclose(lines["tree"], [0.70, 0.72, 0.74])
    accuracy = SizeDisplay.from_frontier(sizes(), measure="accuracy").plot().ax_
    assert accuracy.get_ylabel() == "accuracy (share of rows)"
    few = SizeDisplay.from_frontier(sizes()[["student", "items", "fidelity"]])
    assert "Knee" not in few.alt
    assert few.svg()


def test_students_of_unknown_size_are_left_out() -> None:
    frame = sizes().astype({"items": "Int64"})
    frame.loc[0, "items"] = pd.NA
    display = SizeDisplay.from_frontier(frame)
    assert "1 without a known size" in display.alt
    assert "from 0.720 at 4" in display.alt
    assert display.svg()


def test_a_path_is_shown_with_its_errors(three: Any, iris: Any) -> None:
    path = analyse(three, *iris).sizes
    assert path is not None
    display = SizeDisplay.from_path(path)
    frame = display.frame()
    held_out = frame[frame["student"] == "on held-out rows"]
    np.testing.assert_array_equal(held_out["fidelity"], path.validation)
    width = held_out["fidelity_high"] - held_out["fidelity"]
    np.testing.assert_allclose(width, 1.96 * path.standard_error)
    assert held_out.loc[held_out["knee"], "leaves"].tolist() == [path.choose("knee")]
    chosen = held_out.loc[held_out["recommended"], "leaves"].tolist()
    assert chosen == [path.choose()]


# What cannot be shown


def test_wrong_tasks_are_refused(three: Any, values: Any, iris: Any) -> None:
    model, X = values
    for make in (
        lambda: ConfusionDisplay.from_model(model, X),
        lambda: ReliabilityDisplay.from_model(model, X, np.zeros(len(X))),
        lambda: ReliabilityDisplay.from_analysis(analyse(model, X)),
        lambda: ConfusionDisplay.from_analysis(analyse(model, X)),
    ):
        with pytest.raises(InputError, match="must be a classifier"):
            make()
    with pytest.raises(InputError, match="must be a regressor"):
        ResidualDisplay.from_model(three, iris[0])


def test_other_mistakes_are_refused(three: Any, iris: Any) -> None:
    X, y = iris
    with pytest.raises(InputError, match="with labels y"):
        ReliabilityDisplay.from_analysis(analyse(three, X))
    with pytest.raises(InputError, match="must have the shape"):
        ReliabilityDisplay.from_model(three, X, y[:-1])
    with pytest.raises(InputError, match="n_bins"):
        ReliabilityDisplay.from_model(three, X, y, n_bins=0)
    with pytest.raises(InputError, match="needs a table"):
        SizeDisplay.from_frontier(sizes().iloc[:0])
    with pytest.raises(InputError, match="needs a table"):
        SizeDisplay.from_frontier(sizes().drop(columns="student"))
    with pytest.raises(InputError, match="'by'"):
        SizeDisplay.from_frontier(sizes(), by="leaves")
    with pytest.raises(InputError, match="no effect of 'x'"):
        ShapeDisplay.from_effects(shapes(), ["x"])
    with pytest.raises(InputError, match="A table of effects needs"):
        ShapeDisplay.from_effects(shapes().drop(columns="effect"))
    with pytest.raises(InputError, match="LinearStudent"):
        CoefficientDisplay.from_model(three)


# How it is drawn


def test_svg_is_one_safe_element(displays: Any) -> None:
    for name, display in displays.items():
        svg = display.svg()
        assert svg.startswith("<svg "), name
        root = ElementTree.fromstring(svg)
        assert svg == display.svg(), name
        assert "<script" not in svg
        assert "<style" not in svg
        assert "metadata" not in svg
        addresses = re.findall(r"\w+://[^\"'<\s]*", svg)
        assert set(addresses) == {"http://www.w3.org/2000/svg"}
        for element in root.iter():
            target = element.get("href")
            assert target is None or target.startswith("#")
        assert display.alt in "".join(root.itertext())
        assert texts(svg), name


def test_every_link_has_its_own_end(displays: Any) -> None:
    known: set[str] = set()
    for display in displays.values():
        svg = display.svg()
        ids = re.findall(r'\bid="([^"]*)"', svg)
        assert len(ids) == len(set(ids))
        assert known.isdisjoint(ids)
        known.update(ids)
        links = re.findall(r'href="#([^"]*)"', svg) + re.findall(r"url\(#(.*?)\)", svg)
        named = re.findall(r'aria-labelledby="([^"]*)"', svg)[0].split()
        assert set(links) | set(named) == set(ids)


def test_given_axes_are_drawn_on(displays: Any) -> None:
    for display in displays.values():
        figure = Figure(figsize=(9, 6), layout="constrained")
        left, right = figure.subplots(1, 2)
        drawn = display.plot(right)
        assert drawn.ax_ is right
        assert drawn.figure_ is figure
        assert type(drawn) is type(display)
        assert display.ax_ is None
        assert not left.has_data()
        figure.canvas.draw()
        inner = [ax for ax in figure.axes if ax is not left]
        assert any(ax.has_data() for ax in inner)
        middle = left.get_position().x1
        assert all(ax.get_position().x0 > middle for ax in inner)


def test_axes_without_a_grid_are_divided(displays: Any) -> None:
    figure = Figure()
    ax = figure.add_axes((0.5, 0.1, 0.4, 0.8))
    displays["reliability"].plot(ax)
    assert len(figure.axes) == 3
    assert all(part.get_position().x0 >= 0.49 for part in figure.axes)


def test_the_caller_s_settings_neither_matter_nor_change(displays: Any) -> None:
    display = displays["shape"]
    plain = display.svg()
    with mpl.rc_context({"font.size": 30, "text.parse_math": False, "axes.grid": True}):
        before = mpl.rcParams.copy()
        assert display.svg() == plain
        assert dict(mpl.rcParams) == dict(before)


def test_pyplot_is_never_imported() -> None:
    code = (
        "import sys, pandas as pd\n"
        "from interpretkd.model_selection import SizeDisplay\n"
        "assert 'matplotlib' not in sys.modules\n"
        "frame = pd.DataFrame({'student': ['a'], 'items': [2], 'fidelity': [0.5]})\n"
        "display = SizeDisplay.from_frontier(frame)\n"
        "display.plot(); display._repr_html_()\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_files_are_complete(displays: Any, tmp_path: Any) -> None:
    starts = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF"}
    for ending, start in starts.items():
        path = displays["shapes"].save(tmp_path / f"a.{ending}")
        content = path.read_bytes()
        assert content.startswith(start)
        assert displays["shapes"].save(path).read_bytes() == content
    with pytest.raises(InputError, match=r"\.svg, \.pdf, \.png"):
        displays["shapes"].save(tmp_path / "a.gif")


def test_notebooks_show_figure_and_text(displays: Any) -> None:
    for display in displays.values():
        page = display._repr_html_()
        assert page.count("<svg ") == 1
        assert "<figcaption>" in page
        assert len(display.alt) > 40


# Names from data


def test_labels_are_no_formulas() -> None:
    ax = Figure().add_subplot()
    for name in HOSTILE:
        text = ax.text(0, 0, label(name, 300))
        shown, math = text._preprocess_math(text.get_text())
        assert not math
        assert shown.strip() == shortened(name, 300)
        assert shown.isprintable()
    assert len(shortened("x" * 200)) == 28
    assert shortened("purpose is " + "y" * 50 + " car").endswith("car")


def test_hostile_names_are_texts_everywhere(
    hostile_frame: pd.DataFrame, tmp_path: Any
) -> None:
    X = hostile_frame
    y = X["$y$ <b>"].to_numpy()
    codes = pd.get_dummies(X["$y$ <b>"]).to_numpy(float)
    logits = 4 * codes + 0.1 * X[["\n_z"]].to_numpy()

    class Said:
        task_ = "multiclass"
        classes_ = np.asarray(sorted(set(HOSTILE)), dtype=object)

        def logits(self, X: Any) -> Any:
            return logits[:, ::-1]

    flags = (np.arange(len(X)) % 3 == 0).astype(float)
    boosted = BoostedStudent(n_rounds=4, max_depth=2, min_child_weight=1e-3)
    linear = LinearStudent(strength=0.001)
    column = X["$y$ <b>"].map({n: float(i % 5) for i, n in enumerate(HOSTILE)})
    column = column + flags
    found = {
        "size": SizeDisplay.from_frontier(sizes(HOSTILE)),
        "confusion": ConfusionDisplay.from_model(Said(), X, teacher_logits=logits),
        "reliability": ReliabilityDisplay(
            ReliabilityDisplay.from_model(Said(), X, y, teacher_logits=logits).data,
            HOSTILE[0],
        ),
        "terms": CoefficientDisplay.from_model(linear.fit(X, column), X, n_terms=20),
        "shape": ShapeDisplay.from_effects(shape_effects(boosted.fit(X, column), X)),
    }
    for name, display in found.items():
        page = display._repr_html_()
        root = ElementTree.fromstring(page)
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert tags <= {
            "figure", "figcaption", "svg", "title", "desc", "g", "path", "defs", "use",
            "text", "clipPath", "rect", "pattern", "tspan",
        }, name  # fmt: skip
        said = "".join(root.itertext())
        assert "\u202e" not in said
        assert "\x1b" not in said
        display.save(tmp_path / f"{name}.png")
        display.save(tmp_path / f"{name}.pdf")
    said_sizes = [text.strip() for text in texts(found["size"].svg())]
    for hostile in HOSTILE:
        assert shortened(hostile) in said_sizes
    joined = " ".join(texts(found["shape"].svg()))
    assert "$y$ <b>" in joined
