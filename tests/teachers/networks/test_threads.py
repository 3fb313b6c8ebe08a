"""A network is trained and asked in few threads, and torch's setting comes back."""

import threading

import numpy as np
import pytest
import torch

from interpretkd.teachers import MLPTeacher
from interpretkd.teachers._networks import training
from interpretkd.teachers._networks.modules import CNN, MLP
from interpretkd.teachers._networks.training import _own_threads, _products


@pytest.fixture(autouse=True)
def _three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_products_are_counted() -> None:
    assert _products(MLP(5, (8, 6), 3)) == 5 * 8 + 8 * 6 + 6 * 3
    network = CNN((1, 8, 6), (4, 2), (5,), 3)
    convolutions = 9 * 4 * 8 * 6 + 9 * 4 * 2 * 4 * 3
    assert _products(network) == convolutions + 2 * 2 * 2 * 5 + 5 * 3


def test_a_small_network_takes_one_and_gives_the_others_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []
    forward = MLP.forward

    def noted(self: MLP, rows: torch.Tensor) -> torch.Tensor:
        seen.append(torch.get_num_threads())
        return forward(self, rows)

    monkeypatch.setattr(MLP, "forward", noted)
    X = np.random.default_rng(0).normal(size=(40, 2))
    teacher = MLPTeacher((4,), max_epochs=2, random_state=0).fit(X, X[:, 0] > 0)
    assert torch.get_num_threads() == 3
    n_trained = len(seen)
    teacher.predict(X)
    assert torch.get_num_threads() == 3
    teacher.gradients(X)
    assert torch.get_num_threads() == 3
    assert len(seen) > n_trained > 0
    assert set(seen) == {1}


def test_a_large_step_takes_more_but_never_more_than_torch_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(training, "threads_for", lambda work, share: 1 + work // share)
    network, share = MLP(10, (10,), 1), training._MANY_PRODUCTS
    for n_rows, threads in ((1, 1), (share // 110, 1), (share // 55, 2), (share, 3)):
        with _own_threads(network, n_rows):
            assert torch.get_num_threads() == threads
        assert torch.get_num_threads() == 3


def test_torch_gets_its_threads_back_after_an_error() -> None:
    with pytest.raises(KeyError), _own_threads(MLP(2, (2,), 1), 10):
        raise KeyError
    assert torch.get_num_threads() == 3


def test_networks_side_by_side_give_back_what_was_before_both() -> None:
    network = MLP(2, (2,), 1)
    ended, left = threading.Event(), []

    def other() -> None:
        with _own_threads(network, 10):
            ended.wait(20)

    with _own_threads(network, 10):
        thread = threading.Thread(target=other)
        thread.start()
        while len(training._torch_threads) < 2:
            pass
    ended.set()
    thread.join()
    fresh = threading.Thread(target=lambda: left.append(torch.get_num_threads()))
    fresh.start()
    fresh.join()
    assert left == [3]
    assert torch.get_num_threads() == 3
