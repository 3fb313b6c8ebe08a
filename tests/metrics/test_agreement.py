import json
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binomtest, bootstrap, ttest_rel
from sklearn.datasets import load_diabetes, load_wine, make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import accuracy_score, r2_score
from sklearn.tree import DecisionTreeRegressor

from interpretkd._base import InputError
from interpretkd.evaluation import Evaluation, Size, evaluate
from interpretkd.metrics import (
    Estimate,
    _intervals as intervals,
    accuracy,
    accuracy_improvement,
    accuracy_reduction,
    agreement,
    bootstrap_interval,
    compare_means,
    compare_shares,
    distillation_score,
    fidelity,
    fidelity_by_class,
    fidelity_by_slice,
    kl_divergence,
    mcnemar,
    paired_bootstrap,
    r2,
    size_reduction,
    wilson_interval,
)
from interpretkd.targets import decide
from tests.seed_tables import ROWS, TEXT_REDUCTIONS, TEXT_SIZE_REDUCTIONS, Row

LOGITS = arrays(
    np.float64,
    st.tuples(st.integers(1, 30), st.integers(2, 5)),
    elements=st.floats(-30, 30, width=32),
)
PAIRS = LOGITS.flatmap(
    lambda one: st.tuples(
        st.just(one),
        arrays(np.float64, one.shape, elements=st.floats(-30, 30, width=32)),
    )
)
RIGHT = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


@dataclass
class Asked:
    """Carries a scikit-learn model's logits, and counts how often it was asked."""

    estimator: Any
    task: str
    n_parameters: int | None = None
    size_bytes: int | None = None
    times: int = 0

    def logits(self, X: Any) -> np.ndarray:
        self.times += 1
        if self.task == "regression":
            return self.estimator.predict(X).reshape(len(X), -1)
        if self.task == "multiclass":
            return np.log(np.clip(self.estimator.predict_proba(X), 1e-4, None))
        share = np.column_stack([p[:, 1] for p in self.estimator.predict_proba(X)])
        share = np.clip(share, 1e-4, 1 - 1e-4)
        return np.log(share) - np.log1p(-share)


@dataclass
class Carrier:
    """Carries real logits through the contract of a distilled model."""

    task_: str
    teacher_: Asked
    student_: Any
    baseline_: Any
    classes_: Any = None
    asked: list[str] = field(default_factory=list)

    def logits(self, X: Any) -> np.ndarray:
        self.asked.append("student")
        return self.student_.tree.predict(X).reshape(len(X), -1)

    def baseline_logits(self, X: Any) -> np.ndarray:
        self.asked.append("baseline")
        return self.baseline_.tree.predict(X).reshape(len(X), -1)


def _student(X: Any, targets: np.ndarray, depth: int, leaves: int) -> SimpleNamespace:
    tree = DecisionTreeRegressor(max_depth=depth, random_state=0).fit(X, targets)
    form = SimpleNamespace(n_parameters=leaves, size_bytes=8 * leaves)
    return SimpleNamespace(tree=tree, form_=form)


def _distil(task: str, teacher: Any, X: Any, y: Any, hard: np.ndarray) -> Carrier:
    asked = Asked(teacher.fit(X, y), task, 10_000, 80_000)
    targets = asked.logits(X)
    asked.times = 0
    return Carrier(
        task,
        asked,
        _student(X, targets, 4, 40),
        _student(X, hard, 1, 20),
        classes_=getattr(teacher, "classes_", None),
    )


@pytest.fixture(scope="module")
def wine() -> tuple[Carrier, pd.DataFrame, pd.Series]:
    X, y = load_wine(return_X_y=True, as_frame=True)
    y = y.map({0: "barolo", 1: "grignolino", 2: "barbera"})
    teacher = RandomForestClassifier(20, random_state=0)
    hard = (y.to_numpy()[:, None] == np.unique(y)).astype(float)
    model = _distil("multiclass", teacher, X[::2], y[::2], hard[::2])
    return model, X[1::2].reset_index(drop=True), y[1::2].reset_index(drop=True)


@pytest.fixture(scope="module")
def diabetes() -> tuple[Carrier, pd.DataFrame, pd.Series]:
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    teacher = RandomForestRegressor(20, random_state=0)
    model = _distil("regression", teacher, X[::2], y[::2], y[::2].to_numpy())
    return model, X[1::2], y[1::2]


@pytest.fixture(scope="module")
def labels() -> tuple[Carrier, np.ndarray, np.ndarray]:
    X, y = make_multilabel_classification(400, n_classes=3, random_state=0)
    teacher = RandomForestClassifier(20, random_state=0)
    model = _distil("multilabel", teacher, X[::2], y[::2], y[::2] - 0.5)
    model.classes_ = np.arange(3)
    return model, X[1::2], y[1::2]


# Intervals


@given(
    st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.floats(0.01, 0.999),
)
def test_wilson_equals_scipy(counts: tuple[int, int], confidence: float) -> None:
    successes, n = counts
    found = wilson_interval(successes, n, confidence)
    expected = binomtest(successes, n).proportion_ci(confidence, method="wilson")
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-12)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert (found.value, found.n) == (successes / n, n)


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5), (0, 0), (1.5, 5)])
def test_wilson_refuses(successes: Any, n: Any) -> None:
    with pytest.raises(InputError, match="must be an int"):
        wilson_interval(successes, n)


def test_estimate_formats() -> None:
    estimate = Estimate(0.931, 0.924, 0.938, 5000)
    assert str(estimate) == f"{estimate}" == "0.931 [0.924, 0.938]"
    assert format(estimate, ".1%") == "93.1% [92.4%, 93.8%]"
    assert float(estimate) == 0.931


@given(
    arrays(np.float64, st.integers(1, 50), elements=st.floats(-1e6, 1e6)),
    st.integers(0, 9),
)
def test_bootstrap_holds_its_value(values: np.ndarray, seed: int) -> None:
    found = bootstrap_interval(values, n_resamples=50, random_state=seed)
    assert found.low <= found.value <= found.high
    assert found.value == pytest.approx(values.mean())
    assert found == bootstrap_interval(values, n_resamples=50, random_state=seed)
    assert values.min() - 1e-6 <= found.low
    assert found.high <= values.max() + 1e-6


def test_bootstrap_equals_scipy() -> None:
    values = np.random.default_rng(0).gamma(1.0, size=300)
    found = bootstrap_interval(values, n_resamples=20_000)
    expected = bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=1
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.005)


def test_bootstrap_draws_the_same_in_every_batch_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intervals, "_BATCH", 100_000)
    values = np.random.default_rng(0).normal(size=(15_000, 2))
    found = bootstrap_interval(values, n_resamples=20)  # 6 resamples a batch
    rng = np.random.default_rng(0)
    means = [values[rng.integers(15_000, size=15_000), 0].mean() for _ in range(20)]
    assert found.low == pytest.approx(np.quantile(means, 0.025), abs=1e-12)
    assert found.high == pytest.approx(np.quantile(means, 0.975), abs=1e-12)


@pytest.mark.parametrize("ratio", [False, True])
def test_bootstrap_of_many_rows_is_that_of_drawn_rows(
    ratio: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    first = rng.exponential(size=20_001)
    # A column that is a sum of others, and a skewed one.
    values = np.column_stack([first, first + rng.normal(size=20_001) ** 2, 2 * first])

    def statistic(means: Any) -> Any:
        return 1 - means[:, 0] / means[:, 1] if ratio else means[:, 2]

    quick = bootstrap_interval(values, statistic, n_resamples=4000)
    monkeypatch.setattr(intervals, "_NORMAL_FROM", np.inf)
    drawn = bootstrap_interval(values, statistic, n_resamples=4000)
    width = drawn.high - drawn.low
    assert quick.value == drawn.value
    assert quick.low == pytest.approx(drawn.low, abs=0.06 * width)
    assert quick.high == pytest.approx(drawn.high, abs=0.06 * width)


def test_bootstrap_covers() -> None:
    rng = np.random.default_rng(0)
    intervals = [
        bootstrap_interval(rng.exponential(size=100), n_resamples=200, random_state=i)
        for i in range(400)
    ]
    covered = np.mean([e.low <= 1 <= e.high for e in intervals])
    assert 0.90 <= covered <= 0.98
    narrow = bootstrap_interval(rng.exponential(size=100), confidence=0.5)
    wide = bootstrap_interval(rng.exponential(size=100), confidence=0.99)
    assert narrow.high - narrow.low < wide.high - wide.low


@pytest.mark.parametrize("values", [[], [[]], [1.0, np.nan], np.zeros((2, 2, 2))])
def test_bootstrap_refuses(values: Any) -> None:
    with pytest.raises(InputError, match="'values' parameter of bootstrap_interval"):
        bootstrap_interval(values)


# Paired comparisons


def _cells(both: int, first: int, second: int, neither: int) -> tuple[Any, Any]:
    counts = [both, first, second, neither]
    return np.repeat([1, 1, 0, 0], counts), np.repeat([1, 0, 1, 0], counts)


@pytest.mark.parametrize(
    ("cells", "low", "high"),
    [
        ((36, 12, 2, 0), 0.0569, 0.3404),  # Newcombe (1998), table II
        ((1, 1, 7, 12), -0.507, -0.026),  # Fagerland, Lydersen & Laake (2014)
        ((59, 6, 16, 80), -0.1186, -0.0046),  # Cavo et al. (2012), in the same book
    ],
)
def test_newcombe_as_published(
    cells: tuple[int, int, int, int], low: float, high: float
) -> None:
    found = compare_shares(*_cells(*cells)).difference
    digits = len(str(high).split(".")[1])
    assert (round(found.low, digits), round(found.high, digits)) == (low, high)


def test_newcombe_covers() -> None:
    rng = np.random.default_rng(0)
    chances = [0.6, 0.2, 0.08, 0.12]
    draws = rng.multinomial(40, chances, size=1000)
    tests = [compare_shares(*_cells(*draw)).difference for draw in draws]
    covered = np.mean([e.low <= 0.12 <= e.high for e in tests])
    assert 0.93 <= covered <= 0.985


def test_comparison_of_many_rows_does_not_overflow() -> None:
    test = compare_shares(*_cells(400_000, 60_000, 50_000, 490_000))
    assert 0.0093 < test.difference.low < 0.01 < test.difference.high < 0.0107


@given(RIGHT)
def test_mcnemar_equals_binomtest_and_is_symmetric(
    right: list[tuple[bool, bool]],
) -> None:
    a, b = np.array(right).T
    y = np.ones(len(right), dtype=bool)
    test, swapped = mcnemar(y, a, b), mcnemar(y, b, a)
    discordant = test.only_first + test.only_second
    exact = binomtest(test.only_first, discordant).pvalue if discordant else 1.0
    assert test.p_value == pytest.approx(exact, abs=1e-12)
    assert swapped.p_value == test.p_value
    assert (swapped.only_first, swapped.only_second) == (
        test.only_second,
        test.only_first,
    )
    ours, theirs = test.difference, swapped.difference
    assert ours.value == pytest.approx(a.mean() - b.mean())
    assert -1 <= ours.low <= ours.value <= ours.high <= 1
    assert (ours.low, ours.high) == pytest.approx((-theirs.high, -theirs.low))
    assert test.direction == -swapped.direction


def test_paired_bootstrap_finds_the_better_model() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=(500, 2))
    near, far = y + rng.normal(size=y.shape) * 0.3, y + rng.normal(size=y.shape) * 0.4
    test = paired_bootstrap(y, near, far)
    scores = [r2_score(y, x, multioutput="variance_weighted") for x in (near, far)]
    assert float(test.difference) == pytest.approx(scores[0] - scores[1])
    assert test.difference.low > 0
    assert test.p_value < 0.05
    assert test.only_first + test.only_second == 500
    assert test.only_first > test.only_second
    assert paired_bootstrap(y, near, near).p_value == 1
    assert paired_bootstrap(y, far, near).direction == -1


def test_paired_bootstrap_has_the_p_value_of_a_paired_t_test() -> None:
    errors = np.random.default_rng(0).normal(size=(400, 2))
    gap = errors[:, 0] - errors[:, 1]
    errors[:, 0] += 1.5 * gap.std(ddof=1) / 20 - gap.mean()  # 1.5 standard errors
    test = compare_means(
        errors,
        lambda means: means[:, 0] - means[:, 1],
        only_first=0,
        only_second=0,
        n_resamples=5000,
    )
    expected = ttest_rel(errors[:, 0], errors[:, 1]).pvalue
    assert expected == pytest.approx(0.134, abs=1e-3)
    assert test.p_value == pytest.approx(expected, rel=0.15)


def test_paired_bootstrap_keeps_its_level() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for seed in range(200):
        errors = rng.normal(size=(80, 2)) ** 2
        test = compare_means(
            errors,
            lambda means: means[:, 1] - means[:, 0],
            only_first=0,
            only_second=0,
            n_resamples=199,
            random_state=seed,
        )
        hits += test.direction != 0
    assert hits <= 20


# Measures on logits


@given(LOGITS, st.sampled_from(["multiclass", "multilabel"]))
def test_a_model_agrees_with_itself(logits: np.ndarray, task: str) -> None:
    assert agreement(logits, logits, task).value == 1
    assert kl_divergence(logits, logits, task) == Estimate(0, 0, 0, len(logits))
    assert r2(logits, logits, task).value == 1


@given(PAIRS, st.sampled_from(["multiclass", "multilabel"]))
@settings(deadline=None)
def test_measures_stay_in_their_ranges(
    pair: tuple[np.ndarray, np.ndarray], task: str
) -> None:
    same, nats, explained = (f(*pair, task) for f in (agreement, kl_divergence, r2))
    assert 0 <= same.low <= same.value <= same.high <= 1
    assert 0 <= nats.low <= nats.value <= nats.high
    assert explained.low <= explained.value <= explained.high <= 1
    assert same.value == accuracy(*(decide(x, task) for x in pair)).value


@given(PAIRS)
@settings(deadline=None)
def test_kl_equals_torch(pair: tuple[np.ndarray, np.ndarray]) -> None:
    teacher, student = map(torch.from_numpy, pair)
    expected = torch.nn.functional.kl_div(
        student.log_softmax(1),
        teacher.log_softmax(1),
        reduction="batchmean",
        log_target=True,
    )
    found = kl_divergence(*pair).value
    assert found == pytest.approx(expected.item(), rel=1e-9, abs=1e-12)
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    share = teacher.sigmoid()
    nats = loss(student, share, reduction="none") - loss(
        teacher, share, reduction="none"
    )
    found = kl_divergence(*pair, "multilabel").value
    assert found == pytest.approx(nats.sum(1).mean().item(), rel=1e-6, abs=1e-9)


def test_kl_survives_certainty() -> None:
    sure, wrong = np.array([[1000.0, -1000.0]]), np.array([[-1000.0, 1000.0]])
    assert kl_divergence(sure, wrong).value == 2000
    assert kl_divergence(sure, wrong, "multilabel").value == 2000


def test_kl_of_shifted_logits_is_not_below_zero() -> None:
    logits = np.random.default_rng(0).normal(size=(500, 4))
    shifted = kl_divergence(logits, logits + 0.1)
    assert 0 <= shifted.low <= shifted.value < 1e-15
    rows = [kl_divergence(row[None], row[None] + 0.1).value for row in logits[:50]]
    assert min(rows) >= 0


def test_r2_equals_sklearn() -> None:
    rng = np.random.default_rng(0)
    teacher = rng.normal(size=(200, 3)) * [1, 5, 0.1]
    student = teacher + rng.normal(size=teacher.shape)
    expected = r2_score(teacher, student, multioutput="variance_weighted")
    assert r2(teacher, student, "regression").value == pytest.approx(expected)
    shift = rng.normal(size=(200, 1))
    assert r2(teacher, teacher + shift).value == pytest.approx(1)
    assert r2(teacher, teacher + shift, "multilabel").value < 0.95


def test_r2_of_a_teacher_that_never_varies() -> None:
    constant = np.full((7, 1), 0.1)
    assert r2(constant, constant, "regression").value == 1
    assert r2(constant, constant + 1, "regression").value == 0


@pytest.mark.parametrize(
    ("teacher", "student", "task", "sentence"),
    [
        ([[1.0, 2.0]], [[1.0, 2.0, 3.0]], "multiclass", "must have one shape"),
        (np.empty((0, 2)), np.empty((0, 2)), "multiclass", "at least 1 row"),
        ([[1.0]], [[1.0]], "multiclass", "2 column"),
        ([[1.0, np.nan]], [[1.0, 2.0]], "multiclass", "teacher's logits must be fin"),
        ([[1.0, 2.0]], [[1.0, np.inf]], "multiclass", "student's logits .* in row 0"),
        ([[1.0]], [[1.0]], "regression", "'task' parameter"),
    ],
)
def test_measures_refuse(teacher: Any, student: Any, task: str, sentence: str) -> None:
    for measure in (agreement, kl_divergence):
        with pytest.raises(InputError, match=sentence):
            measure(teacher, student, task)


# Accuracy


def test_accuracy_equals_sklearn(wine: tuple[Carrier, Any, Any]) -> None:
    model, X, y = wine
    decisions = model.teacher_.estimator.predict(X)
    found = accuracy(y, decisions)
    assert found.value == accuracy_score(y, decisions)
    assert found == wilson_interval(int((y == decisions).sum()), len(y))
    assert accuracy([[1, 0], [1, 1]], [[1, 0], [0, 1]]).value == 0.5


@pytest.mark.parametrize(
    ("y", "decisions", "sentence"),
    [
        ([1, 2], [1, 2, 3], "one shape"),
        ([], [], "at least 1 row"),
        (["a", None], ["a", "b"], "none in row 1"),
        ([1.0, np.nan], [1.0, 2.0], "none in row 1"),
    ],
)
def test_accuracy_refuses(y: Any, decisions: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        accuracy(y, decisions)


# The survey's measures


def _agrees(row: Row, name: str, found: float) -> None:
    """Compare with the print: rounded to its digits, or beside it by less than one."""
    printed = getattr(row, name)
    unit = 10.0 ** -len(printed.partition(".")[2])
    if name in row.cut:
        assert round(found / unit) != round(float(printed) / unit)
        assert abs(found - float(printed)) < unit
    else:
        assert abs(found - float(printed)) <= unit / 2 + 1e-9


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_surveys_tables_come_out(row: Row) -> None:
    checked = 0
    if row.accuracy_reduction:
        _agrees(row, "accuracy_reduction", accuracy_reduction(row.teacher, row.student))
        checked += 1
    if row.accuracy_improvement:
        found = accuracy_improvement(row.baseline, row.student)
        _agrees(row, "accuracy_improvement", found)
        checked += 1
    if row.size_reduction:
        found = size_reduction(row.teacher_size, row.student_size)
        _agrees(row, "size_reduction", found)
        checked += 1
    if row.score:
        _agrees(row, "score", _score(row))
        checked += 1
    assert checked


def _score(row: Row) -> float:
    return distillation_score(
        row.teacher_size, row.student_size, row.teacher, row.student
    )


def test_the_surveys_scores_have_its_mean_and_deviation() -> None:
    scored = [row for row in ROWS if row.score]
    unrounded = np.array([_score(row) for row in scored])
    printed = np.array([float(row.score) for row in scored])
    assert len(scored) == 13
    assert round(unrounded.mean(), 4) == 0.1805  # 0.18048: the survey cut it to 0.1804
    assert round(unrounded.std(), 5) == 0.07835
    assert abs(printed.mean() - 0.1804) < 1e-4
    assert round(printed.std(), 4) == 0.0783
    assert (unrounded < unrounded.mean()).sum() == 6
    best = min(scored, key=_score)
    assert (best.name, round(_score(best), 5)) == ("Pintea et al.", 0.05609)


def test_what_is_printed_but_does_not_follow_from_the_text() -> None:
    differ = {row.name: row for row in ROWS if row.text_sizes}
    assert set(differ) == {"Gao et al.", "Jin et al.", "Heo et al."}
    found = [size_reduction(*row.text_sizes) for row in differ.values()]
    assert np.round(found, 2).tolist() == [47.5, 85.54, 85.54]
    lopes = [accuracy_reduction(96.95, 91.24), accuracy_reduction(98.91, 92.47)]
    assert np.round(lopes, 2).tolist() == [5.89, 6.51]  # the text's MNIST; print: 4.8


@pytest.mark.parametrize(("name", "teacher", "student", "printed"), TEXT_REDUCTIONS)
def test_the_surveys_text_comes_out(
    name: str, teacher: float, student: float, printed: str
) -> None:
    unit = 10.0 ** -len(printed.partition(".")[2])
    assert abs(accuracy_reduction(teacher, student) - float(printed)) < unit, name


@pytest.mark.parametrize(
    ("name", "teacher", "student", "printed"), TEXT_SIZE_REDUCTIONS
)
def test_the_surveys_text_comes_out_for_sizes(
    name: str, teacher: float, student: float, printed: str
) -> None:
    assert size_reduction(teacher, student) == pytest.approx(float(printed), abs=5e-3)


def test_lius_trees() -> None:
    assert round(accuracy_reduction(99.25, 86.55), 3) == 12.796  # MNIST
    assert round(accuracy_reduction(86.62, 73.42), 3) == 15.239  # Connect-4


def test_score_is_negative_when_a_small_student_wins() -> None:
    assert distillation_score(100, 1, 0.8, 0.9) == pytest.approx(0.005 - 0.0625)
    assert distillation_score(100, 50, 0.8, 0.4, alpha=1) == 0.5
    assert distillation_score(100, 50, 0.8, 0.2, alpha=0) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: accuracy_reduction(0, 0.5), "'teacher' parameter of accuracy_red"),
        (lambda: accuracy_reduction(90, 101), "'student' parameter of accuracy_red"),
        (lambda: accuracy_reduction(0.9, np.nan), "'student' parameter"),
        (lambda: accuracy_improvement(-1, 0.5), "'baseline' parameter"),
        (lambda: size_reduction(0, 1), "'teacher' parameter of size_reduction"),
        (lambda: size_reduction(1, -1), "'student' parameter of size_reduction"),
        (lambda: distillation_score(1, 1, 1, 1, alpha=1.1), "'alpha' parameter"),
    ],
)
def test_the_surveys_measures_refuse(call: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()


# Fidelity of a model


def test_fidelity_chooses_by_task(
    wine: tuple[Carrier, Any, Any], diabetes: tuple[Carrier, Any, Any]
) -> None:
    model, X, _ = wine
    logits = model.teacher_.logits(X), model.logits(X)
    assert fidelity(model, X) == agreement(*logits)
    assert fidelity(model, X, measure="kl") == kl_divergence(*logits)
    assert fidelity(model, X, measure="r2") == r2(*logits)
    model, X, _ = diabetes
    values = model.teacher_.logits(X), model.logits(X)
    assert fidelity(model, X) == r2(*values, "regression")
    with pytest.raises(InputError, match="'task' parameter"):
        fidelity(model, X, measure="agreement")
    with pytest.raises(InputError, match="'measure' parameter of fidelity"):
        fidelity(model, X, measure="accuracy")


def test_fidelity_by_class(wine: tuple[Carrier, Any, Any]) -> None:
    model, X, _ = wine
    frame = fidelity_by_class(model, X)
    said = model.classes_[model.teacher_.logits(X).argmax(axis=1)]
    done = model.classes_[model.logits(X).argmax(axis=1)]
    expected = pd.Series(said == done).groupby(said).agg(["size", "mean"])
    assert frame["class"].tolist() == expected.index.tolist()
    assert frame["n"].tolist() == expected["size"].tolist()
    assert frame["fidelity"].tolist() == pytest.approx(expected["mean"].tolist())
    weighed = (frame["n"] * frame["fidelity"]).sum() / frame["n"].sum()
    assert weighed == pytest.approx(fidelity(model, X).value)


def test_fidelity_by_class_of_labels(labels: tuple[Carrier, Any, Any]) -> None:
    model, X, _ = labels
    frame = fidelity_by_class(model, X)
    said, done = model.teacher_.logits(X) > 0, model.logits(X) > 0
    assert frame["n"].tolist() == said.sum(axis=0).tolist()
    for i in range(3):
        assert frame["fidelity"][i] == pytest.approx(done[said[:, i], i].mean())


def test_a_class_that_is_never_decided(wine: tuple[Carrier, Any, Any]) -> None:
    model, X, y = wine
    frame = fidelity_by_class(model, X[y == "barolo"][:3])
    assert frame["n"].tolist() == [0, 3, 0]
    assert frame["fidelity"].isna().tolist() == [True, False, True]


def test_regression_has_no_classes(diabetes: tuple[Carrier, Any, Any]) -> None:
    with pytest.raises(InputError, match="use fidelity_by_slice"):
        fidelity_by_class(diabetes[0], diabetes[1])


def test_slices_by_quartiles_and_missing(wine: tuple[Carrier, Any, Any]) -> None:
    model, X, _ = wine
    alcohol = X["alcohol"].to_numpy(copy=True)
    alcohol[:5] = np.nan
    frame = fidelity_by_slice(model, X, alcohol)
    assert len(frame) == 5
    assert frame["slice"].iloc[-1] == "(missing)"
    assert frame["n"].sum() == len(X)
    same = model.teacher_.logits(X).argmax(1) == model.logits(X).argmax(1)
    low, high = frame["slice"][1].strip("([]").split(", ")
    inside = (alcohol > float(low)) & (alcohol <= float(high))
    assert frame["n"][1] == inside.sum()
    assert frame["fidelity"][1] == pytest.approx(same[inside].mean())
    assert frame["slice"][0].startswith("[11.")
    assert frame["n"][:4].min() >= 0.2 * len(X)
    pd.testing.assert_frame_equal(
        fidelity_by_slice(model, X, "alcohol"),
        fidelity_by_slice(model, X, X["alcohol"].tolist()),
    )


@pytest.mark.parametrize("kind", ["object", "str", "category", "list", "polars"])
def test_slices_by_text(wine: tuple[Carrier, Any, Any], kind: str) -> None:
    model, X, y = wine
    by: Any = y.astype(object).where(y.index > 3, None)
    if kind == "polars":
        by = pl.Series(by.tolist())
    elif kind == "list":
        by = by.tolist()
    else:
        by = by.astype(kind)
    frame = fidelity_by_slice(model, X, by)
    names = ["barbera", "barolo", "grignolino", "(missing)"]
    assert frame["slice"].tolist() == names
    assert frame["n"].iloc[-1] == 4


def test_slices_by_few_numbers_and_booleans(wine: tuple[Carrier, Any, Any]) -> None:
    model, X, _ = wine
    few = np.arange(len(X)) % 3
    assert fidelity_by_slice(model, X, few)["slice"].tolist() == ["0", "1", "2"]
    both = fidelity_by_slice(model, X, few == 0)["slice"].tolist()
    assert both == ["False", "True"]


def test_slices_of_large_close_numbers_keep_their_names_apart(
    wine: tuple[Carrier, Any, Any],
) -> None:
    model, X, _ = wine
    by = 1_234_567 + np.arange(len(X))
    names = fidelity_by_slice(model, X, by)["slice"]
    assert names[0] == "[1,234,567, 1,234,589]"
    close = fidelity_by_slice(model, X, by / 7 + 1e6)["slice"]
    assert close.is_unique
    assert close[0] == "[1,176,367, 1,176,370]"


def test_slices_refuse(wine: tuple[Carrier, Any, Any]) -> None:
    model, X, _ = wine
    with pytest.raises(InputError, match="Did you mean 'alcohol'"):
        fidelity_by_slice(model, X, "alcohl")
    with pytest.raises(InputError, match="no column names"):
        fidelity_by_slice(model, X.to_numpy(), "alcohol")
    with pytest.raises(InputError, match="one label for each of the 89 rows"):
        fidelity_by_slice(model, X, [1, 2])


def test_slices_of_a_regression(diabetes: tuple[Carrier, Any, Any]) -> None:
    model, X, _ = diabetes
    frame = fidelity_by_slice(model, X, "sex")
    for i, value in enumerate(np.unique(X["sex"])):
        part = X[X["sex"] == value]
        expected = r2_score(model.teacher_.estimator.predict(part), model.logits(part))
        assert frame["fidelity"][i] == pytest.approx(expected)


# One held-out set


def test_evaluation_of_a_classifier(wine: tuple[Carrier, Any, Any]) -> None:
    model, X, y = wine
    model.teacher_.times, model.asked = 0, []
    found = evaluate(model, X, y, slices=["alcohol"])
    assert model.teacher_.times == 1
    assert sorted(model.asked) == ["baseline", "student"]
    said, done, base = (
        model.classes_[logits.argmax(axis=1)]
        for logits in (
            model.teacher_.logits(X),
            model.logits(X),
            model.baseline_logits(X),
        )
    )
    assert (found.task, found.n) == ("multiclass", len(X))
    assert found.teacher.accuracy == accuracy(y, said)
    assert found.student.accuracy == accuracy(y, done)
    assert found.baseline is not None
    assert found.baseline.accuracy == accuracy(y, base)
    assert found.student.fidelity == fidelity(model, X)
    assert found.student.kl == fidelity(model, X, measure="kl")
    assert found.baseline.fidelity == accuracy(said, base)
    assert found.accuracy_test == mcnemar(y, done, base)
    assert found.fidelity_test == mcnemar(said, done, base)
    assert found.teacher.size == Size(10_000, 80_000)
    assert found.student.size == Size(40, 320)
    assert found.size_reduction == {"parameters": 99.6, "bytes": 99.6}
    score = distillation_score(
        10_000, 40, accuracy_score(y, said), accuracy_score(y, done)
    )
    assert found.distillation_score["parameters"] == pytest.approx(score)
    assert found.accuracy_improvement == pytest.approx(
        100 * (accuracy_score(y, done) / accuracy_score(y, base) - 1)
    )
    pd.testing.assert_frame_equal(found.by_class, fidelity_by_class(model, X))
    pd.testing.assert_frame_equal(
        found.slices["alcohol"], fidelity_by_slice(model, X, "alcohol")
    )


def test_cached_logits_spare_the_teacher(wine: tuple[Carrier, Any, Any]) -> None:
    model, X, y = wine
    expected = evaluate(model, X, y)
    logits = model.teacher_.logits(X)
    model.teacher_.times = 0
    found = evaluate(model, X, y, teacher_logits=logits)
    assert model.teacher_.times == 0
    assert found.to_dict() == expected.to_dict()


def test_evaluation_of_a_regression(diabetes: tuple[Carrier, Any, Any]) -> None:
    model, X, y = diabetes
    found = evaluate(model, X, y, slices={"half": np.arange(len(X)) % 2})
    teacher = model.teacher_.estimator.predict(X)
    done, base = model.logits(X), model.baseline_logits(X)
    assert float(found.teacher.accuracy) == pytest.approx(r2_score(y, teacher))
    assert float(found.student.accuracy) == pytest.approx(r2_score(y, done))
    assert float(found.student.fidelity) == pytest.approx(r2_score(teacher, done))
    assert float(found.accuracy_test.difference) == pytest.approx(
        r2_score(y, done) - r2_score(y, base)
    )
    assert found.fidelity_test.direction == 1
    assert found.by_class is None
    assert found.student.kl is None
    assert len(found.slices["half"]) == 2
    assert "fidelity to the teacher (R2) is significantly higher" in found.verdict


def test_evaluation_of_labels(labels: tuple[Carrier, Any, Any]) -> None:
    model, X, y = labels
    found = evaluate(model, X, y)
    done = (model.logits(X) > 0).astype(int)
    assert float(found.student.accuracy) == accuracy_score(y, done)
    assert len(found.by_class) == 3
    with pytest.raises(InputError, match="0 or 1"):
        evaluate(model, X, y + 1)
    with pytest.raises(InputError, match=r"must have the shape \(200, 3\)"):
        evaluate(model, X, y[:, 0])


def test_verdicts(wine: tuple[Carrier, Any, Any]) -> None:
    found = evaluate(wine[0], wine[1], wine[2])
    better = compare_shares([1] * 20, [0] * 20)
    worse = compare_shares([0] * 20, [1] * 20)
    same = compare_shares([1, 0] * 10, [0, 1] * 10)

    def verdict(accuracy_test: Any, fidelity_test: Any) -> str:
        tests = {"accuracy_test": accuracy_test, "fidelity_test": fidelity_test}
        sentence = replace(found, **tests).verdict
        assert sentence.endswith(".")
        assert ". " not in sentence
        assert "89 rows" in sentence
        return sentence

    for tests, start in [
        ((better, better), "Distillation helped accuracy and fidelity: "),
        ((better, same), "Distillation helped accuracy: "),
        ((same, better), "Distillation helped fidelity: "),
        ((worse, better), "Distillation helped fidelity but hurt accuracy: "),
        ((better, worse), "Distillation helped accuracy but hurt fidelity: "),
        ((worse, worse), "Distillation hurt accuracy and fidelity: "),
        ((same, same), "Distillation made no significant difference: "),
    ]:
        assert verdict(*tests).startswith(start)
    sentence = verdict(worse, same)
    assert "accuracy is significantly lower (" in sentence
    assert "p < 0.001)" in sentence
    assert "fidelity to the teacher is not significantly different (" in sentence
    assert "accuracy is not known without labels" in verdict(None, same)


def test_without_labels_and_baseline(wine: tuple[Carrier, Any, Any]) -> None:
    model, X, y = wine
    found = evaluate(model, X)
    assert found.teacher.accuracy is None
    assert found.accuracy_test is None
    assert found.distillation_score == {"parameters": None, "bytes": None}
    assert "accuracy is not known without labels" in found.verdict
    alone = replace(model, baseline_=None)
    found = evaluate(alone, X)
    assert found.baseline is None
    assert found.verdict.startswith("Whether distillation helped is not known")
    assert "accuracy" not in found.verdict
    assert list(found.to_frame().index) == ["teacher", "student"]
    labelled = evaluate(alone, X, y)
    assert f"its accuracy {labelled.student.accuracy:.1%} against" in labelled.verdict
    assert labelled.accuracy_improvement is None


def test_unknown_sizes(wine: tuple[Carrier, Any, Any]) -> None:
    model, X, y = wine
    foreign = replace(
        model,
        teacher_=replace(model.teacher_, n_parameters=None),
        student_=SimpleNamespace(tree=model.student_.tree),
    )
    found = evaluate(foreign, X, y)
    assert found.teacher.size == Size(None, 80_000)
    assert found.student.size == Size()
    assert found.size_reduction == {"parameters": None, "bytes": None}
    frame = found.to_frame()
    assert frame["bytes"].isna().tolist() == [False, True, False]
    assert frame.loc["teacher", "bytes"] == 80_000
    assert "Size in" not in str(found)


def test_tables_and_json(wine: tuple[Carrier, Any, Any]) -> None:
    model, X, y = wine
    found = evaluate(model, X, y, slices={"early": np.arange(len(X)) < 9})
    frame = found.to_frame()
    assert list(frame.index) == ["teacher", "student", "baseline"]
    assert frame.loc["student", "fidelity_low"] == found.student.fidelity.low
    assert np.isnan(frame.loc["teacher", "fidelity"])
    again = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert again["models"]["student"]["fidelity"] == {
        "value": found.student.fidelity.value,
        "low": found.student.fidelity.low,
        "high": found.student.fidelity.high,
        "n": 89,
    }
    assert again["models"]["teacher"]["fidelity"] is None
    assert [row["class"] for row in again["by_class"]] == list(model.classes_)
    assert again["slices"]["early"][1]["n"] == 9
    assert again["tests"]["accuracy"]["p_value"] == found.accuracy_test.p_value
    text = str(found)
    assert format(found.student.accuracy, ".1%") in text
    assert "10,000" in text
    assert found.verdict in text
    assert "99.6% smaller, distillation score" in text
    larger = replace(found, student=replace(found.student, size=Size(12_500)))
    assert "Size in parameters: 25.0% larger" in str(larger)


def test_a_class_without_rows_is_none_in_json(
    wine: tuple[Carrier, Any, Any],
) -> None:
    model, X, y = wine
    few = y == "barolo"
    records = evaluate(model, X[few][:3], y[few][:3]).to_dict()["by_class"]
    assert records[0] == {
        "class": "barbera",
        "n": 0,
        "fidelity": None,
        "low": None,
        "high": None,
    }


def test_labels_are_checked(wine: tuple[Carrier, Any, Any]) -> None:
    model, X, y = wine
    with pytest.raises(InputError, match="None of the labels y is a class"):
        evaluate(model, X, np.zeros(len(X)))
    with pytest.raises(InputError, match=r"must have the shape \(89,\)"):
        evaluate(model, X, y[:5])
    with pytest.raises(InputError, match="none in row 2"):
        evaluate(model, X, y.where(y.index != 2, None))
    unseen = y.where(y.index > 9, "merlot")
    assert float(evaluate(model, X, unseen).teacher.accuracy) < 0.9


def test_an_evaluation_cannot_be_changed(wine: tuple[Carrier, Any, Any]) -> None:
    found = evaluate(wine[0], wine[1])
    assert isinstance(found, Evaluation)
    with pytest.raises(AttributeError):
        found.n = 3


@given(st.integers(1, 12), st.integers(0, 2), st.booleans())
@settings(max_examples=30)
def test_few_rows_prove_nothing(n: int, seed: int, of_groups: bool) -> None:
    gains = 1 + np.random.default_rng(seed).random((n, 1))
    told: dict[str, Any] = {"only_first": n, "only_second": 0}
    if of_groups and n > 1:
        gains, told["groups"] = np.repeat(gains, 3, axis=0), np.arange(3 * n) // 3
    test = compare_means(gains, lambda means: means[:, 0], **told)
    assert test.p_value >= binomtest(n, n).pvalue
    assert test.direction == (1 if n > 5 else 0)
