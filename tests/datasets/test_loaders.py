"""The data sets that come along: whole, and split alike for everybody."""

import hashlib
import shutil
import socket
import urllib.request
import zlib
from http.client import IncompleteRead

import numpy as np
import pytest

from interpretkd.datasets import _loaders as datasets
from interpretkd._base import InputError
from interpretkd.data import hold_out, split_rows
from interpretkd.datasets import load_breast_cancer, load_connect4, load_digits, load_german_credit, load_italy_power, load_mnist

LOADERS = (
    load_breast_cancer,
    load_connect4,
    load_digits,
    load_german_credit,
    load_italy_power,
    load_mnist,
)


@pytest.fixture(scope="module", params=LOADERS, ids=lambda load: load.__name__)
def dataset(request):
    return request.param()


def test_every_part_fits_the_others(dataset):
    n_rows, n_columns = dataset.data.shape
    assert len(dataset.target) == n_rows
    assert dataset.feature_names == tuple(dataset.data.columns)
    assert len(dataset.kinds) == n_columns
    assert len(np.unique(dataset.target)) == dataset.n_classes
    assert len(dataset.class_names) == dataset.n_classes
    assert dataset.source
    assert dataset.licence.startswith(("CC", "BSD"))
    codes = dataset.schema.encode(dataset.data)
    assert codes.shape == (n_rows, n_columns)
    assert not np.isnan(codes).any()


def test_the_split_is_seeded_stratified_and_whole(dataset):
    split = dataset.split()
    parts = (split.train, split.transfer, split.test)
    assert sorted(np.concatenate(parts)) == list(range(len(dataset.target)))
    again = dataset.split(random_state=0)
    other = dataset.split(random_state=1)
    np.testing.assert_array_equal(split.train, again.train)
    assert not np.array_equal(split.train, other.train)
    # The official test rows of MNIST are what they are; the rest is stratified.
    drawn = parts[:2] if dataset.n_test else parts
    pool = dataset.target[np.concatenate(drawn)]
    _, overall = np.unique(pool, return_counts=True)
    for part in drawn:
        _, counts = np.unique(dataset.target[part], return_counts=True)
        # Within rounding at each of the two cuts.
        assert (np.abs(counts - overall * len(part) / len(pool)) <= 2).all()
    shares = (0.8, 0.2) if dataset.n_test else (0.64, 0.16, 0.2)
    for part, share in zip(drawn, shares, strict=True):
        assert abs(len(part) - share * len(pool)) < 2  # each of two cuts rounds up


# Recorded once: a change of these is a change of every number that was ever published.
HASHES = {
    "breast_cancer": "79ec12661a7136eb",
    "connect4": "512c862eafdeae02",
    "digits": "14059b22626d4d5a",
    "german_credit": "0a5fe3b0f3033502",
    "italy_power": "669bb1b96220453c",
    "mnist": "1cce727a827bb43c",
}


def test_the_split_is_the_same_for_everybody(dataset):
    split = dataset.split()
    indices = np.concatenate([split.train, split.transfer, split.test]).astype("<i8")
    assert hashlib.sha256(indices.tobytes()).hexdigest()[:16] == HASHES[dataset.name]


def test_connect4():
    data = load_connect4()
    names, counts = np.unique(data.target, return_counts=True)
    assert dict(zip(names, counts, strict=True)) == {
        "win": 44473,
        "loss": 16635,
        "draw": 6449,
    }
    cells = data.schema.encode(data.data)
    assert ((cells == 1).sum(axis=1) == 4).all()  # x has moved four times, o as well
    assert ((cells == 2).sum(axis=1) == 4).all()


def test_german_credit():
    data = load_german_credit()
    assert data.kinds.count("categorical") == 13
    assert (data.target == "good").sum() == 700
    order = data.data["savings_account_and_bonds"].cat.categories
    assert list(order)[1:3] == ["... < 100 DM", "100 <= ... < 500 DM"]


def test_italy_power():
    data = load_italy_power()
    assert np.unique(data.target, return_counts=True)[1].tolist() == [547, 549]
    hours = data.data.to_numpy()
    assert hours[0, :2].tolist() == [-0.71051757, -1.1833204]  # as aeon has them
    np.testing.assert_allclose(hours.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(hours.std(axis=1, ddof=1), 1, atol=1e-6)


def test_mnist_keeps_its_official_test_rows():
    data = load_mnist()
    assert data.image_shape == (28, 28)
    assert data.kinds[0] == "pixel"
    assert data.data.to_numpy().dtype == np.uint8
    split = data.split(random_state=7)
    assert split.test[0] == 60_000
    assert len(split.test) == 10_000
    np.testing.assert_array_equal(
        np.bincount(data.target[split.test]),
        [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    )


def test_mnist_is_sought_in_the_places_named(tmp_path, monkeypatch):
    checkout = datasets._PLACES[1] / "mnist.npz"
    shutil.copy(checkout, tmp_path / "mnist.npz")
    monkeypatch.setattr(datasets, "_PLACES", (tmp_path / "wheel", tmp_path / "none"))
    assert load_mnist(tmp_path).data.shape == (70_000, 784)
    monkeypatch.setenv("INTERPRETKD_DATA", str(tmp_path))
    assert load_mnist().data.shape == (70_000, 784)


def test_mnist_nowhere_says_where_it_was_sought(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound, but nobody listens
        address = f"http://127.0.0.1:{free.getsockname()[1]}/"
        with pytest.raises(InputError, match=r"which failed .*refused") as caught:
            datasets._mnist([tmp_path], lambda: urllib.request.urlopen(address))
    assert f"sought as mnist.npz in {tmp_path} and" in str(caught.value)
    assert "INTERPRETKD_DATA" in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        IncompleteRead(b""),
        EOFError("ended early"),
        ValueError("md5"),
        zlib.error("garbled"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_broken_download_is_said_in_one_sentence(error, tmp_path):
    def fetch():
        raise error

    with pytest.raises(InputError, match="OpenML, which failed"):
        datasets._mnist([tmp_path], fetch)


def test_another_file_is_refused(tmp_path):
    (tmp_path / "mnist.npz").write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(InputError, match="its SHA-256 must be"):
        load_mnist(tmp_path)


@pytest.mark.parametrize("load", [load_connect4, load_german_credit])
@pytest.mark.parametrize("damage", [b"", b"a,b,class\n1,2,win\n"])
def test_damage_is_noticed(load, damage, tmp_path, monkeypatch):
    for name in ("connect4.csv.xz", "german_credit.csv"):
        (tmp_path / name).write_bytes(damage)
    monkeypatch.setattr(datasets, "_PLACES", (tmp_path, tmp_path))
    with pytest.raises(InputError, match="is damaged"):
        load()


def test_an_absent_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "_PLACES", (tmp_path, tmp_path))
    with pytest.raises(InputError, match=r"german_credit.csv was not found in"):
        load_german_credit()


def test_too_few_rows_cannot_be_split():
    with pytest.raises(InputError, match="At least 10 rows are needed"):
        split_rows(9, None, 0)


def test_sources_name_every_file():
    text = (datasets._PLACES[1] / "SOURCES.md").read_text()
    for name, sha in datasets._SHA256.items():
        assert name in text
        assert sha in text


def test_pixels_are_a_view_of_the_images():
    images = np.arange(2 * 8 * 8, dtype=np.uint8).reshape(2, 8, 8)
    data = datasets._images("x", images, np.arange(2), (8, 8), source="", licence="")
    assert set(data.data.dtypes) == {np.dtype(np.uint8)}
    assert np.shares_memory(data.data.to_numpy(), images)
    assert data.data["r01c02"].tolist() == images[:, 1, 2].tolist()


@pytest.mark.parametrize("seed", range(3))
def test_held_out_rows_are_drawn_class_by_class(seed: int) -> None:
    rows = np.arange(100, 160)
    classes = np.repeat([0, 1, 2], [30, 20, 10])
    kept, held_out = hold_out(rows, 12, seed, classes)
    assert np.bincount(classes[held_out - 100]).tolist() == [6, 4, 2]
    assert np.array_equal(np.sort([*kept, *held_out]), rows)
    assert (np.diff(kept) > 0).all()
    assert (np.diff(held_out) > 0).all()


@pytest.mark.parametrize("classes", [[0] * 19 + [1], [*range(10)] * 2])
def test_classes_that_cannot_be_shared_out_are_passed_over(classes: list[int]) -> None:
    rows = np.arange(20)
    parts = hold_out(rows, 4, 0, np.array(classes))
    for part, plain in zip(parts, hold_out(rows, 4, 0), strict=True):
        assert np.array_equal(part, plain)


def test_a_class_of_one_row_does_not_keep_a_table_from_being_split() -> None:
    split = split_rows(20, np.array(["a"] * 19 + ["b"]), 0)
    assert [len(split.train), len(split.transfer), len(split.test)] == [12, 4, 4]
