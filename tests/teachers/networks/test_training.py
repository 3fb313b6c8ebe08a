import numpy as np
import pytest
import torch
from torch import nn

from interpretkd._base import InputError
from interpretkd.teachers import BatchPlan
from interpretkd.teachers._networks.modules import CNN, MLP
from interpretkd.teachers._networks.training import (
    _forward_batches,
    classification,
    multilabel,
    regression,
    train,
)


@pytest.fixture(autouse=True)
def _one_thread_and_a_seed():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield
    torch.set_num_threads(threads)


def _mlp() -> MLP:
    network = MLP(5, (8, 6), 3)
    network.inputs.mean.copy_(torch.arange(5.0))
    network.inputs.scale.copy_(torch.arange(1.0, 6.0))
    network(torch.randn(50, 5))  # moves the running statistics off their start
    network.to_inference()
    return network


def test_the_mlp_is_what_its_layers_say() -> None:
    network = _mlp()
    rows = torch.randn(7, 5)
    values = ((rows - torch.arange(5.0)) / torch.arange(1.0, 6.0)).double()
    for block in network.blocks:
        linear, norm = block[0], block[1]
        values = values @ linear.weight.T
        values = (values - norm.running_mean) / (norm.running_var + norm.eps).sqrt()
        values = torch.relu(values * norm.weight + norm.bias)
    torch.testing.assert_close(network.activations(rows, -1), values)
    logits = values @ network.head.weight.T + network.head.bias
    torch.testing.assert_close(network(rows), logits)


def test_a_missing_value_counts_as_the_mean() -> None:
    network = _mlp()
    rows = torch.randn(3, 5)
    filled = rows.clone()
    rows[:, 2], filled[:, 2] = torch.nan, network.inputs.mean[2]
    torch.testing.assert_close(network(rows), network(filled))


def test_outputs_get_their_units_back_without_losing_digits() -> None:
    network = _mlp()
    plain = network(torch.zeros(1, 5))
    network.outputs.mean.copy_(torch.tensor([0.0, 1e9, 0.0]))
    network.outputs.scale.copy_(torch.tensor([1.0, 1.0, 100.0]))
    restored = network(torch.zeros(1, 5)).detach().numpy()
    expected = plain.detach().numpy() * [1, 1, 100] + [0, 1e9, 0]
    np.testing.assert_allclose(restored, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("shape", "flat"), [((1, 9, 6), 3 * 2 * 4), ((3, 8, 8), 16), ((1, 1, 5), 8)]
)
def test_each_convolution_halves_the_image(
    shape: tuple[int, int, int], flat: int
) -> None:
    network = CNN(shape, (6, 4), (5,), 2)
    network.to_inference()
    rows = torch.rand(4, int(np.prod(shape)))
    assert network.activations(rows, 1).flatten(1).shape == (4, flat)
    assert network.activations(rows, -1).shape == (4, 5)
    assert network(rows).shape == (4, 2)


def test_the_first_convolution_sees_the_pixels_in_their_places() -> None:
    network = CNN((1, 4, 6), (3,), (5,), 2, batch_norm=False)
    network.to_inference()
    rows = torch.rand(2, 24)
    convolution = next(m for m in network.modules() if isinstance(m, nn.Conv2d))
    images = rows.reshape(2, 1, 4, 6)
    expected = torch.relu(
        torch.max_pool2d(
            torch.conv2d(images, convolution.weight, convolution.bias, padding=1), 2
        )
    )
    torch.testing.assert_close(network.activations(rows, 0), expected)


@pytest.mark.parametrize("network", [MLP(64, (16,), 3), CNN((1, 8, 8), (4,), (8,), 3)])
def test_a_rows_answer_does_not_depend_on_its_company(network: MLP | CNN) -> None:
    network.to_inference()
    rows = np.random.default_rng(0).normal(size=(40, 64)).astype(np.float32)
    together = _forward_batches(network, [rows], 40)
    for size in (1, 3):
        pieces = (rows[i : i + size] for i in range(0, 40, size))
        alone = _forward_batches(network, pieces, 40)
        np.testing.assert_allclose(alone, together, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("layer", [-3, 2, 1.0, "0"])
def test_an_absent_layer_is_refused(layer: object) -> None:
    with pytest.raises(InputError, match=r"must be an int in \[-2, 2\)"):
        MLP(5, (8, 6), 3).activations(torch.zeros(1, 5), layer)  # type: ignore[arg-type]


def test_sizes_build_the_network_again() -> None:
    for network in (
        MLP(4, (8, 5), 3, dropout=0.5),
        CNN((1, 8, 8), (4, 6), (5,), 3, batch_norm=False),
    ):
        again = type(network)(**network.sizes)
        shapes = {name: tensor.shape for name, tensor in network.state().items()}
        assert {name: t.shape for name, t in again.state().items()} == shapes
        counted = sum(p.numel() for p in network.parameters())
        assert again.n_parameters == counted


@pytest.mark.parametrize("n_rows", [2, 3, 255, 257, 1000])
@pytest.mark.parametrize("batch_size", [2, 3, 256])
def test_no_step_has_a_single_row(n_rows: int, batch_size: int) -> None:
    n_batches = BatchPlan(batch_size=batch_size).n_batches(n_rows)
    steps = torch.arange(n_rows).tensor_split(n_batches)
    assert min(map(len, steps)) >= 2
    assert max(map(len, steps)) <= max(batch_size, 3)


def test_objectives_are_torchs() -> None:
    outputs, classes = torch.randn(20, 4).double(), torch.randint(4, (20,))
    objective = classification(0.1)
    oracle = nn.CrossEntropyLoss(label_smoothing=0.1)(outputs, classes)
    torch.testing.assert_close(objective.loss(outputs, classes), oracle)
    plain = nn.CrossEntropyLoss()(outputs, classes)
    torch.testing.assert_close(objective.validation_loss(outputs, classes), plain)

    labels = torch.randint(2, (20, 4)).double()
    oracle = nn.BCEWithLogitsLoss()(outputs, labels * 0.9 + 0.05)
    torch.testing.assert_close(multilabel(0.1).loss(outputs, labels), oracle)

    scale = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    values = torch.randn(20, 4).double()
    oracle = nn.MSELoss()(outputs / scale, values / scale)
    torch.testing.assert_close(regression(scale).loss(outputs, values), oracle)


def test_the_regression_score_is_r2() -> None:
    from sklearn.metrics import r2_score

    outputs, values = torch.randn(30, 2).double(), torch.randn(30, 2).double()
    score = regression(torch.ones(2)).score(outputs, values)
    assert float(score) == pytest.approx(r2_score(values, outputs))


def _rows(n: int = 200) -> tuple[torch.Tensor, torch.Tensor]:
    rows = torch.randn(n, 5)
    return rows, (rows[:, 0] > 0).long()


def test_training_stops_early_and_keeps_the_best_weights() -> None:
    rows, classes = _rows()
    network = MLP(5, (16,), 2)
    plan = BatchPlan(max_epochs=60, patience=3, learning_rate=0.05, batch_size=32)
    # Labels at random cannot be learnt: the validation loss must rise.
    held_out = (torch.randn(100, 5), torch.randint(2, (100,)))
    history = train(
        network, rows, classes, classification(), plan=plan, held_out=held_out
    )
    losses = [record["validation_loss"] for record in history]
    assert len(history) == int(np.argmin(losses)) + 1 + plan.patience < 60
    with torch.inference_mode():
        kept = nn.functional.cross_entropy(network(held_out[0]), held_out[1])
    assert float(kept) == pytest.approx(min(losses), rel=1e-5)


def test_without_held_out_rows_the_whole_schedule_runs() -> None:
    rows, classes = _rows()
    plan = BatchPlan(max_epochs=12, patience=1, batch_size=32)
    seen = []
    history = train(
        MLP(5, (16,), 2),
        rows,
        classes,
        classification(),
        plan=plan,
        on_epoch=lambda record, network: seen.append(record["epoch"]),
    )
    assert [record["epoch"] for record in history] == seen == list(range(1, 13))
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]
    assert history[0]["validation_loss"] is None


def test_a_diverging_training_says_so() -> None:
    rows, classes = _rows()
    network = MLP(5, (16,), 2, batch_norm=False)
    with torch.no_grad():
        network.head.weight[0] = torch.nan
    with pytest.raises(InputError, match="not finite in epoch 1"):
        train(network, rows, classes, classification(), plan=BatchPlan(max_epochs=2))


def test_the_state_is_float32_and_complete() -> None:
    network = _mlp()
    assert network.head.weight.dtype == torch.float64
    state = network.state()
    floats = {n for n, t in state.items() if t.dtype == torch.float64}
    assert floats == {"outputs.mean", "outputs.scale"}
    again = MLP(5, (8, 6), 3)
    again.load_state_dict(state)
    again.to_inference()
    rows = torch.randn(9, 5)
    assert torch.equal(again(rows), network(rows))
