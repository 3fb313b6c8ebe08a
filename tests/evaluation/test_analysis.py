"""The student cut back to a size, on rows that did not choose the cut."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression

from interpretkd._base import InputError
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.evaluation import analyse
from interpretkd.students import CartStudent, LinearStudent, prune_path


@pytest.fixture(scope="module")
def german_model(german, german_teacher):
    rows = german.split().train
    student = CartStudent(12, search="greedy")
    model = DistilledClassifier(FrozenEstimator(german_teacher), student)
    return model.fit(german.data.iloc[rows], german.target[rows])


@pytest.fixture(scope="module")
def found(german, german_model):
    test = german.split().test
    return analyse(german_model, german.data.iloc[test], german.target[test])


def test_the_whole_tree_is_not_cut(found):
    assert found.cut(found.tree.n_leaves) is found


@pytest.mark.parametrize("size", [1, 2, 5, 11])
def test_a_cut_student_is_the_path_s_tree_on_the_unseen_half(found, size):
    cut = found.cut(size)
    assert cut.tree.n_leaves == size
    np.testing.assert_array_equal(
        cut.form.predict(found.X), found.sizes.tree(size).predict(found.X)
    )
    assert cut.evaluation.student.fidelity.value == pytest.approx(
        found.sizes.validation[size - 1]
    )
    rest = np.setdiff1d(np.arange(len(found)), cut.numbers)
    assert abs(len(rest) - len(cut)) <= 1
    np.testing.assert_array_equal(cut.y, found.y[cut.numbers])
    np.testing.assert_array_equal(cut.teacher_logits, found.teacher_logits[cut.numbers])
    assert cut.X.equals(found.X.iloc[cut.numbers])


def test_the_baseline_is_cut_to_the_same_size_by_the_labels(found):
    cut = found.cut(4)
    assert cut.model.baseline_.tree_.n_leaves == 4
    assert cut.evaluation.baseline is not None
    assert found.model.baseline_.tree_.n_leaves > 4
    chosen = found._halves[0]
    costs = 1.0 - np.eye(2)[found.labels[chosen]]
    baseline = found.model.baseline_.form_
    expected = prune_path(baseline, found.codes[chosen], costs).tree(4)
    np.testing.assert_array_equal(
        cut.model.baseline_.form_.predict(found.X), expected.predict(found.X)
    )


def test_the_model_itself_stays_as_it_was(found):
    before = found.model.logits(found.X)
    cut = found.cut(3)
    np.testing.assert_array_equal(found.model.logits(found.X), before)
    assert not hasattr(cut.model.student_, "search_")
    assert "to 3 of" in cut.about["cut back"]


def test_a_regression_is_cut_too():
    X, y = load_diabetes(return_X_y=True)
    teacher = FrozenEstimator(LinearRegression().fit(X, y))
    model = DistilledRegressor(teacher, CartStudent(9, search="greedy")).fit(X, y)
    whole = analyse(model, X, y)
    cut = whole.cut(5)
    assert cut.model.baseline_.tree_.n_leaves == 5
    assert cut.evaluation.student.fidelity.value == pytest.approx(
        whole.sizes.validation[4], abs=0.05
    )
    assert isinstance(cut.X, np.ndarray)


def test_labels_may_be_absent(german, german_model):
    cut = analyse(german_model, german.data.iloc[:200]).cut(3)
    assert cut.y is None
    assert cut.model.baseline_ is None
    assert cut.evaluation.student.accuracy is None


@pytest.mark.parametrize("size", [0, 13, 2.5])
def test_a_size_outside_is_refused(found, size):
    with pytest.raises(InputError, match=r"'size' parameter of Analysis\.cut"):
        found.cut(size)


def test_what_has_no_tree_or_no_rows_is_not_cut(found, german, german_model):
    X, y = load_iris(return_X_y=True)
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    linear = DistilledClassifier(teacher, LinearStudent()).fit(X, y)
    with pytest.raises(InputError, match=r"needs a tree .* Got a LinearStudent"):
        analyse(linear, X).cut(2)
    with pytest.raises(InputError, match="on 20 rows"):
        analyse(german_model, german.data.iloc[:20]).cut(2)
