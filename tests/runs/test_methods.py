"""A run keeps its methods: ours as class and numbers, a user's own as its sentence."""

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from interpretkd import methods
from interpretkd._base import BundleError, InputError
from interpretkd.distillation import DistilledClassifier
from interpretkd.methods import (
    AbsentScheme,
    AbsentStep,
    Auto,
    Confidence,
    FromFunction,
    Masked,
    Reply,
    Scheme,
)
from interpretkd.runs import load, save
from interpretkd.runs._step_state import (
    _from_state,
    _is_known,
    _method_states,
    _methods_of,
    _to_state,
)
from interpretkd.students import CartStudent
from tests.runs.test_limits import _resign

X, y = load_iris(return_X_y=True)
TEACHER = LogisticRegression(max_iter=999).fit(X, y)
NOTHING = dict.fromkeys(("transfer", "replies", "weights", "hints", "view", "scheme"))
OURS = [
    found
    for found in (getattr(methods, name) for name in dir(methods))
    if isinstance(found, type)
    and issubclass(found, (methods.Step, methods.View, Scheme, Auto))
]


class Halved(Reply):
    """A step of a user's own."""

    def reply(self, transfer_set: Any, context: Any) -> Any:
        return transfer_set.logits / 2

    def __str__(self) -> str:
        return "Half of every\nlogit"


class Once(Scheme):
    """A scheme of a user's own."""

    def run(self, transfer_set: Any, context: Any, fit: Any) -> Any:
        return fit(transfer_set)

    def __str__(self) -> str:
        return "One fit"


def _fitted(**slots: Any) -> DistilledClassifier:
    student = CartStudent(4, search="greedy")
    frozen = FrozenEstimator(TEACHER)
    model = DistilledClassifier(frozen, student, random_state=0, **slots)
    return model.fit(X, y)


def _through_json(slots: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(_method_states(NOTHING | slots), allow_nan=False)
    return _methods_of(json.loads(text))


GENERATORS = st.builds(
    FromFunction,
    st.sampled_from(["mix", "resample"]),
    st.just("auto") | st.integers(0, 99) | st.floats(0, 9),
    st.floats(0, 1),
)
WEIGHTS = st.builds(Confidence, st.floats(0, 1e9))


@given(
    st.none()
    | st.sampled_from(["auto", "mix", "resample"])
    | GENERATORS
    | st.lists(GENERATORS, max_size=3)
    | GENERATORS.map(Auto)
    | st.lists(GENERATORS, max_size=2).map(Auto),
    st.none() | st.just("auto") | WEIGHTS | st.lists(WEIGHTS, max_size=3).map(tuple),
)
def test_our_methods_come_back_equal(transfer: Any, weights: Any) -> None:
    found = _through_json({"transfer": transfer, "weights": weights})
    assert repr(found) == repr(NOTHING | {"transfer": transfer, "weights": weights})


def _stands_alone(kind: type[Any]) -> bool:
    """Tell methods from what is the base of others or made of something else."""
    needed = [
        p for p in inspect.signature(kind).parameters.values() if p.default is p.empty
    ]
    return not needed and _is_known(kind())


@pytest.mark.parametrize(
    "kind", list(filter(_stands_alone, OURS)), ids=lambda kind: kind.__name__
)
def test_every_method_of_ours_can_be_held(kind: type[Any]) -> None:
    state = json.loads(json.dumps(_to_state(kind()), allow_nan=False))
    assert state["class"] == kind.__name__
    assert repr(_from_state(state)) == repr(kind())


def test_a_model_with_methods_is_fitted_anew_to_the_same(tmp_path: Path) -> None:
    model = _fitted(
        weights=[Confidence(3.0)], transfer=Auto(FromFunction("mix", n_rows=60))
    )
    found = load(save(model, tmp_path / "run", X, y), teacher=TEACHER)
    assert found.get_params()["weights"] == [Confidence(3.0)]
    assert found.recipe_ == model.recipe_
    assert found.queries_ == model.queries_
    again = clone(found).fit(X, y)
    np.testing.assert_array_equal(again.logits(X), model.logits(X))


def test_trials_keep_their_accuracy(tmp_path: Path) -> None:
    model = _fitted(alpha="auto")
    assert any(trial.accuracy is not None for trial in model.trials_)
    assert load(save(model, tmp_path / "run", X, y)).trials_ == model.trials_


def test_a_step_of_ones_own_is_its_sentence(tmp_path: Path) -> None:
    def further(schema: Any, codes: Any, n_rows: int, rng: Any) -> Any:
        return codes[rng.integers(len(codes), size=n_rows)]

    model = _fitted(replies=[Halved()], transfer=further, scheme=Once())
    found = load(save(model, tmp_path / "run", X, y), teacher=TEACHER)
    np.testing.assert_array_equal(found.logits(X), model.logits(X))
    assert found.recipe_ == (
        "Further rows: drawn by a function",
        "Half of every logit",
        "One fit",
    )
    params = found.get_params()
    assert params["replies"] == [AbsentStep("Half of every logit", "replies")]
    assert str(params["transfer"]) == "Further rows: drawn by a function"
    assert isinstance(params["scheme"], AbsentScheme)
    for slot, text in (("replies", "Half"), ("transfer", "Further"), ("scheme", "One")):
        alone = clone(found).set_params(
            **{name: None for name in NOTHING if name != slot}
        )
        with pytest.raises(
            InputError, match=rf"{text}.*not saved.*set_params\({slot}="
        ):
            alone.fit(X, y)
    again = load(save(found, tmp_path / "again", X, y), teacher=TEACHER)
    assert again.get_params()["replies"] == params["replies"]
    tried = _fitted(transfer=Auto(further))
    inner = load(save(tried, tmp_path / "tried", X, y)).transfer
    assert isinstance(inner, Auto)
    assert isinstance(inner.step, AbsentStep)


DAMAGE: dict[str, Any] = {
    "another class": {"weights": {"class": "Popen", "params": {}}},
    "a base": {"replies": {"class": "Reply", "params": {}}},
    "no step": {"replies": {"class": "Context", "params": {}}},
    "a stand-in": {"replies": {"class": "AbsentStep", "params": {}}},
    "another slot": {"hints": {"class": "Confidence", "params": {}}},
    "a step as the view": {"view": {"class": "Confidence", "params": {}}},
    "a sentence as the view": {"view": {"sentence": "all"}},
    "a list of schemes": {"scheme": [{"sentence": "all"}]},
    "a parameter too many": {"weights": {"class": "Confidence", "params": {"a": 1}}},
    "out of range": {"weights": {"class": "Confidence", "params": {"exponent": -1}}},
    "a text": {"weights": {"class": "Confidence", "params": {"exponent": "2"}}},
    "not finite": {
        "weights": {
            "class": "Confidence",
            "params": {"exponent": {"kind": "float", "values": "nan"}},
        }
    },
    "an unknown text": {"transfer": "rm"},
    "a number": {"transfer": 3},
    "no sentence": {"replies": {"sentence": 5}},
    "an unknown slot": {"teacher": None},
    "another kind": {"transfer": {"kind": "eval", "values": "1"}},
    "nothing": None,
    "deep": {"transfer": "DEEP"},
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(_fitted(transfer=None), tmp_path_factory.mktemp("plain") / "run", X, y)


def _changed(path: Path, to: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    to.mkdir()
    for file in path.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    state = json.loads((to / "model.json").read_text())
    change(state)
    text = json.dumps(state).replace('"DEEP"', "[" * 2000 + "]" * 2000)
    (to / "model.json").write_text(text)
    _resign(to)
    return to


@pytest.mark.parametrize("name", DAMAGE)
def test_methods_that_save_never_wrote(plain: Path, tmp_path: Path, name: str) -> None:
    damaged = _changed(
        plain, tmp_path / "run", lambda state: state.update(methods=DAMAGE[name])
    )
    with pytest.raises(BundleError, match=r"model\.json"):
        load(damaged)


def test_runs_without_methods_have_none(plain: Path, tmp_path: Path) -> None:
    def age(state: dict[str, Any]) -> None:
        for key in ("methods", "view", "recipe", "queries"):
            del state[key]
        state["settings"]["transfer"] = "mix"

    old = load(_changed(plain, tmp_path / "run", age))
    assert old.transfer == "mix"
    assert old.replies is None
    assert old.view_ is None
    assert old.recipe_ == ()
    assert old.queries_ == old.n_asked_


def test_methods_are_no_settings(plain: Path, tmp_path: Path) -> None:
    damaged = _changed(
        plain, tmp_path / "run", lambda state: state["settings"].update(replies=3)
    )
    with pytest.raises(BundleError, match=r"model\.json"):
        load(damaged)


def test_a_mask_that_is_a_function_is_its_sentence(tmp_path: Path) -> None:
    model = _fitted(weights=Masked(lambda rows: np.asarray(rows)[:, 0] > 5))
    found = load(save(model, tmp_path / "run", X, y))
    assert found.weights == AbsentStep(str(model.weights), "weights")
    with pytest.raises(InputError, match="not saved with its run"):
        found.fit(X, y)
