from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.special import expit, logit

from interpretkd._base import InputError
from interpretkd.targets import (
    Target,
    apply_link,
    centred_logits,
    decide,
    deciding,
    deciding_labels,
    hard_targets,
    log_probabilities,
    probabilities,
    soft_targets,
)

Array = NDArray[np.float64]
FEW = settings(max_examples=80, deadline=None)


def _logits(most: float, least_columns: int = 2) -> st.SearchStrategy[Array]:
    shape = st.tuples(st.integers(1, 12), st.integers(least_columns, 5))
    return arrays(np.float64, shape, elements=st.floats(-most, most, width=32))


WIDE, NARROW = _logits(1000), _logits(5)
TEMPERATURES = st.sampled_from([0.5, 1.0, 2.0, 4.0, 20.0])


@FEW
@given(WIDE, TEMPERATURES)
def test_softmax_equals_torch(logits: Array, temperature: float) -> None:
    scaled = torch.from_numpy(logits) / temperature
    np.testing.assert_allclose(
        soft_targets(logits, temperature), torch.softmax(scaled, 1), atol=1e-14
    )
    np.testing.assert_allclose(
        log_probabilities(logits, temperature),
        torch.log_softmax(scaled, 1),
        rtol=1e-13,
        atol=1e-13,
    )


@FEW
@given(_logits(1000, 1), TEMPERATURES)
def test_sigmoid_equals_torch(logits: Array, temperature: float) -> None:
    np.testing.assert_allclose(
        soft_targets(logits, temperature, "multilabel"),
        torch.sigmoid(torch.from_numpy(logits) / temperature),
        atol=1e-15,
    )


def test_float32_logits_are_summed_in_float64() -> None:
    logits = np.random.default_rng(0).normal(size=(20, 300)).astype(np.float32)
    soft = soft_targets(logits)
    assert soft.dtype == np.float64
    np.testing.assert_allclose(soft.sum(axis=1), 1, rtol=1e-13)


@FEW
@given(WIDE)
def test_probabilities_are_soft_targets_at_temperature_one(logits: Array) -> None:
    for task in ("multiclass", "multilabel"):
        np.testing.assert_array_equal(
            probabilities(logits, task), soft_targets(logits, 1.0, task)
        )


def test_temperature_flattens() -> None:
    logits = np.array([[2.0, 0.0, -1.0]])
    tops = [soft_targets(logits, t).max() for t in (0.1, 0.5, 1, 2, 10, 1e6)]
    assert tops == sorted(tops, reverse=True)
    assert tops[-1] == pytest.approx(1 / 3, abs=1e-5)


@FEW
@given(WIDE)
def test_hard_targets_and_decisions_are_the_argmax(logits: Array) -> None:
    chosen = logits.argmax(axis=1)
    np.testing.assert_array_equal(decide(logits), chosen)
    hard = hard_targets(logits)
    assert hard.dtype == np.float64
    np.testing.assert_array_equal(hard, np.arange(logits.shape[1]) == chosen[:, None])


def test_of_equal_logits_the_first_is_chosen() -> None:
    assert hard_targets(np.zeros((1, 3))).tolist() == [[1, 0, 0]]


@FEW
@given(_logits(1000, 1))
def test_labels_are_on_where_positive(logits: Array) -> None:
    np.testing.assert_array_equal(decide(logits, "multilabel"), logits > 0)
    np.testing.assert_array_equal(hard_targets(logits, "multilabel"), logits > 0)


@FEW
@given(WIDE)
def test_centring_changes_no_probability(logits: Array) -> None:
    centred = centred_logits(logits)
    np.testing.assert_allclose(centred.sum(axis=1), 0, atol=1e-10)
    np.testing.assert_allclose(soft_targets(centred), soft_targets(logits), atol=1e-12)


TARGETS = [
    Target("hard"),
    Target("soft"),
    Target("soft", temperature=0.5),
    Target("soft", temperature=4.0),
    Target("logits"),
]


def _clear(logits: Array) -> Array:
    """Leave out rows whose two largest logits are equal or nearly so."""
    top = np.sort(logits, axis=1)[:, -2:]
    return logits[top[:, 1] - top[:, 0] > 1e-3]


@FEW
@given(NARROW, st.sampled_from(TARGETS))
def test_decode_keeps_the_decision(logits: Array, target: Target) -> None:
    clear = _clear(logits)
    assume(len(clear))
    back = target.decode(target.encode(clear))
    assert back.shape == clear.shape
    np.testing.assert_array_equal(decide(back), decide(clear))


@FEW
@given(NARROW, TEMPERATURES.filter(lambda t: t >= 1))
def test_decode_gives_the_probabilities_back(logits: Array, temperature: float) -> None:
    for target in (Target("soft", temperature=temperature), Target("logits")):
        back = target.decode(target.encode(logits))
        np.testing.assert_allclose(soft_targets(back), soft_targets(logits), atol=1e-9)


@FEW
@given(_logits(5, 1), TEMPERATURES.filter(lambda t: t >= 1))
def test_decode_gives_the_logits_of_labels_back(
    logits: Array, temperature: float
) -> None:
    target = Target("soft", temperature=temperature, task="multilabel")
    np.testing.assert_allclose(target.decode(target.encode(logits)), logits, atol=1e-8)
    plain = Target("logits", task="multilabel")
    np.testing.assert_array_equal(plain.decode(plain.encode(logits)), logits)


@FEW
@given(_logits(1000, 1))
def test_values_pass_unchanged(values: Array) -> None:
    target = Target("logits", task="regression")
    np.testing.assert_array_equal(target.decode(target.encode(values)), values)


def test_encode_does_not_hand_out_the_logits_themselves() -> None:
    logits = np.array([[1.0, -1.0]])
    for task in ("multiclass", "multilabel", "regression"):
        Target("logits", task=task).encode(logits)[:] = 7
    assert logits.tolist() == [[1, -1]]


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_predictions_outside_the_range_decode_to_finite_logits(
    kind: str, task: str
) -> None:
    outputs = np.array([[-0.2, 0.0, 1.2], [1.0, 0.0, 0.0]])
    logits = Target(kind, task=task).decode(outputs)
    assert np.isfinite(logits).all()
    np.testing.assert_array_equal(decide(logits), decide(outputs))


def test_a_leaf_of_zeros_counts_as_one_in_a_million() -> None:
    logits = Target("hard").decode(np.array([[1.0, 0.0]]))
    np.testing.assert_allclose(logits, [[0, np.log(1e-6)]])


LOGITS = np.array([[2.0, 0.0, -2.0], [0.5, 1.5, -1.0], [3.0, 3.5, 1.0]])
LABELS = np.array([[0.0, 1.0, 0.0], [np.nan, np.nan, np.nan], [0.0, 1.0, 0.0]])


@pytest.mark.parametrize("alpha", [0.25, 1.0])
@pytest.mark.parametrize(
    ("kind", "temperature", "task"),
    [
        ("soft", 1.0, "multiclass"),
        ("hard", 1.0, "multiclass"),
        ("soft", 1.0, "multilabel"),
        ("hard", 1.0, "multilabel"),
        ("logits", 1.0, "regression"),
    ],
)
def test_alpha_mixes_the_labels_in(
    kind: str, temperature: float, task: str, alpha: float
) -> None:
    teacher = Target(kind, temperature=temperature, task=task).encode(LOGITS)
    mixed = Target(kind, temperature, alpha, task).encode(LOGITS, LABELS)
    expected = (1 - alpha) * teacher + alpha * LABELS
    expected[1] = teacher[1]  # no label: the teacher alone
    np.testing.assert_allclose(mixed, expected, atol=1e-15)


MIXED = {"multiclass": (_logits(6), soft_targets), "multilabel": (_logits(6, 1), expit)}


@FEW
@given(
    st.sampled_from(["multiclass", "multilabel"]),
    st.data(),
    st.sampled_from([1.0, 1.5, 2.0, 4.0, 20.0]),
    st.floats(0, 1),
    st.sampled_from(["soft", "logits"]),
)
def test_the_label_has_its_share_at_every_temperature(
    task: str, data: st.DataObject, temperature: float, alpha: float, kind: str
) -> None:
    logits = data.draw(MIXED[task][0])
    labels = np.eye(logits.shape[1])[logits[:, ::-1].argmax(axis=1)]
    target = Target(kind, temperature if kind == "soft" else 1.0, alpha, task)
    read = probabilities(target.decode(target.encode(logits, labels)), task)
    meant = (1 - alpha) * MIXED[task][1](logits) + alpha * labels
    # At most five entries lie below one in a million, and count as so much.
    np.testing.assert_allclose(read, meant, atol=6e-6)
    np.testing.assert_allclose(target.mixture(logits, labels), meant, atol=1e-12)


@pytest.mark.parametrize("temperature", [0.25, 0.5])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.5])
def test_below_temperature_one_all_but_the_smallest_shares_are_kept(
    temperature: float, alpha: float
) -> None:
    """A column below one in a million counts as much, when it is read in its root."""
    labels = np.eye(3)[LOGITS.argmin(axis=1)]
    target = Target("soft", temperature, alpha)
    read = probabilities(target.decode(target.encode(LOGITS, labels)))
    meant = (1 - alpha) * probabilities(LOGITS) + alpha * labels
    np.testing.assert_allclose(read, meant, atol=2 * 1e-6**temperature)
    np.testing.assert_array_equal(read.argmax(axis=1), meant.argmax(axis=1))


def test_a_label_counts_no_more_at_a_temperature() -> None:
    logits, labels = np.array([[2.0, 0.0]]), np.array([[0.0, 1.0]])
    target = Target("soft", temperature=4.0, alpha=0.45)
    read = soft_targets(target.decode(target.encode(logits, labels)))
    expected = 0.55 * soft_targets(logits) + 0.45 * labels
    np.testing.assert_allclose(read, expected, atol=1e-9)


def test_hard_targets_mix_decision_and_label() -> None:
    mixed = Target("hard", alpha=0.3).encode(LOGITS[:1], LABELS[:1])
    np.testing.assert_allclose(mixed, [[0.7, 0.3, 0.0]])


def test_the_mixture_of_a_row_without_label_is_the_teachers() -> None:
    mixed = Target("soft", 2.0, 0.5).mixture(LOGITS, LABELS)
    np.testing.assert_allclose(mixed[1], soft_targets(LOGITS)[1])


@FEW
@given(_logits(5), st.data())
def test_values_decide_as_they_are_told_in_float32_too(
    values: Array, data: st.DataObject
) -> None:
    shares = soft_targets(values)
    classes = st.integers(0, shares.shape[1] - 1)
    n_rows = len(shares)
    chosen = np.asarray(data.draw(st.lists(classes, min_size=n_rows, max_size=n_rows)))
    moved = deciding(shares, chosen)
    assert (decide(Target("soft").decode(moved)) == chosen).all()
    assert (moved.astype(np.float32).argmax(axis=1) == chosen).all()
    assert (np.float32(np.log(moved)).argmax(axis=1) == chosen).all()
    np.testing.assert_allclose(moved.sum(axis=1), 1, atol=1e-5)
    kept = shares.argmax(axis=1) == chosen
    np.testing.assert_allclose(moved[kept], shares[kept], atol=1e-5)
    on = np.asarray(data.draw(st.lists(st.booleans(), min_size=n_rows)))[:n_rows, None]
    side = deciding_labels(shares, np.broadcast_to(on, shares.shape))
    as_labels = Target("soft", task="multilabel")
    assert (decide(as_labels.decode(side), "multilabel") == on).all()
    assert ((side.astype(np.float32) > 0.5) == on).all()


def test_alpha_of_logits_mixes_probabilities() -> None:
    mixed = Target("logits", alpha=0.25).encode(LOGITS, LABELS)
    share = 0.75 * torch.softmax(torch.from_numpy(LOGITS), 1).numpy() + 0.25 * LABELS
    np.testing.assert_allclose(soft_targets(mixed)[[0, 2]], share[[0, 2]], atol=1e-6)
    np.testing.assert_allclose(mixed[1], LOGITS[1] - LOGITS[1].mean())
    np.testing.assert_allclose(mixed.sum(axis=1), 0, atol=1e-12)


def test_alpha_of_logits_of_labels_mixes_probabilities() -> None:
    mixed = Target("logits", alpha=0.25, task="multilabel").encode(LOGITS, LABELS)
    share = 0.75 * expit(LOGITS) + 0.25 * LABELS
    np.testing.assert_allclose(mixed[[0, 2]], logit(share[[0, 2]]), atol=1e-9)
    np.testing.assert_array_equal(mixed[1], LOGITS[1])


def test_alpha_one_of_logits_is_finite() -> None:
    for task in ("multiclass", "multilabel"):
        mixed = Target("logits", alpha=1, task=task).encode(LOGITS, LABELS)
        assert np.isfinite(mixed).all()
        assert (decide(mixed[[0, 2]]) == 1).all()


def test_without_alpha_labels_are_not_looked_at() -> None:
    np.testing.assert_array_equal(
        Target("soft").encode(LOGITS, LABELS), Target("soft").encode(LOGITS)
    )


def test_alpha_needs_labels() -> None:
    with pytest.raises(InputError) as caught:
        Target("soft", alpha=0.5).encode(LOGITS)
    assert str(caught.value) == (
        "The labels y are needed when alpha is above 0. Got alpha 0.5 and no y."
    )


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"kind": "warm"},
            "The 'kind' parameter of Target must be one of 'hard', 'soft', 'logits'. "
            "Got 'warm'.",
        ),
        (
            {"task": "ranking"},
            "The 'task' parameter of Target must be one of 'multiclass', 'multilabel', "
            "'regression'. Got 'ranking'.",
        ),
        (
            {"temperature": 0},
            "The 'temperature' parameter of Target must be a float in (0, inf). Got 0.",
        ),
        (
            {"temperature": float("nan")},
            "The 'temperature' parameter of Target must be a float in (0, inf). Got "
            "nan.",
        ),
        (
            {"alpha": 1.1},
            "The 'alpha' parameter of Target must be a float in [0, 1]. Got 1.1.",
        ),
        (
            {"task": "regression"},
            "The 'kind' parameter of Target must be 'logits' for regression. Got "
            "'soft'.",
        ),
    ],
)
def test_targets_are_checked(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        Target(**settings)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("target", "text", "link"),
    [
        (Target("hard"), "hard targets", "softmax"),
        (Target("soft", 2), "soft targets at temperature 2", "softmax"),
        (
            Target("soft", 0.5, 0.25, "multilabel"),
            "soft targets at temperature 0.5, alpha 0.25",
            "sigmoid",
        ),
        (Target("logits", alpha=0.5), "logits, alpha 0.5", "identity"),
        (Target("logits", task="regression"), "values", "identity"),
    ],
)
def test_targets_say_what_they_are(target: Target, text: str, link: str) -> None:
    assert str(target) == text
    assert target.link == link


@FEW
@given(WIDE)
def test_links_turn_sums_into_predictions(margins: Array) -> None:
    np.testing.assert_array_equal(apply_link(margins, "identity"), margins)
    np.testing.assert_allclose(
        apply_link(margins, "softmax"),
        torch.softmax(torch.from_numpy(margins), 1),
        atol=1e-14,
    )
    np.testing.assert_allclose(
        apply_link(margins, "sigmoid"),
        torch.sigmoid(torch.from_numpy(margins)),
        atol=1e-15,
    )


def test_an_unknown_link_is_refused() -> None:
    with pytest.raises(InputError, match="must be one of 'identity', 'softmax'"):
        apply_link(np.zeros((1, 2)), "probit")
