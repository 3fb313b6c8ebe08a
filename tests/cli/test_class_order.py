"""The order of an ONNX file's outputs: numbers by value, or as the user tells."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression

from interpretkd.cli import main
from interpretkd.runs import analyse_run, load_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven classes, 0 to 10, and a file that knows them in the order of numbers."""
    skl2onnx = pytest.importorskip("skl2onnx")
    folder = tmp_path_factory.mktemp("order")
    X, y = make_blobs(220, 4, centers=11, cluster_std=0.5, random_state=0)
    pd.DataFrame(X, columns=list("abcd")).assign(y=y).to_csv(
        folder / "t.csv", index=False
    )
    graph = skl2onnx.to_onnx(
        LogisticRegression(max_iter=2000).fit(X, y),
        X[:1].astype(np.float32),
        options={"zipmap": False},
    )
    (folder / "net.onnx").write_bytes(graph.SerializeToString())
    return folder


@pytest.fixture
def distill(folder: Path, tmp_path: Path, capsys: Any) -> Any:
    def run(*options: str) -> tuple[int, str, str, Path]:
        given = ["distill", str(folder / "t.csv"), "--target", "y", "--teacher"]
        given += [str(folder / "net.onnx"), "--out", str(tmp_path / "run"), *options]
        with pytest.raises(SystemExit) as stop:
            main([*given, "--max-leaves", "4", "--fit-to", "hard"])
        said = capsys.readouterr()
        return int(stop.value.code or 0), said.out, said.err, tmp_path / "run"

    return run


def _teacher_accuracy(run: Path) -> float:
    found = analyse_run(load_run(run)).evaluation.teacher.accuracy
    assert found is not None
    return found.value


def test_numbers_are_in_numeric_order(distill: Any) -> None:
    code, out, err, run = distill()
    assert (code, err) == (0, "")
    assert _teacher_accuracy(run) == 1
    assert "check the order" not in out


def test_a_wrong_order_is_told(distill: Any) -> None:
    order = ",".join(sorted(map(str, range(11))))
    code, out, _, run = distill("--class-order", order)
    assert code == 0
    assert _teacher_accuracy(run) < 0.5
    assert "check the order of the classes" in " ".join(out.split())


def test_names_come_from_a_file(distill: Any, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("".join(f"{i} \n" for i in range(11)) + "\n")
    code, _, _, run = distill("--class-order", f"@{names}")
    assert code == 0
    assert _teacher_accuracy(run) == 1


@pytest.mark.parametrize(
    ("order", "match"),
    [
        ("0,1,2", "must name every class"),
        (",".join(map(str, range(12))), "has 11 outputs, and there are 12 classes"),
        ("@none.txt", "cannot read the text file 'none.txt'"),
        ("@empty.txt", "Got none in '@empty.txt'"),
    ],
)
def test_other_orders_are_refused(
    distill: Any, tmp_path: Path, monkeypatch: Any, order: str, match: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.txt").write_text("\n")
    code, _, err, _ = distill("--class-order", order)
    assert code == 1
    assert match in err
    assert err.strip().count("\n") == 0


def test_networks_know_their_classes(distill: Any) -> None:
    code, _, err, _ = distill("--class-order", "0,1", "--teacher", "mlp")
    assert code == 1
    assert "is for the outputs of an .onnx file" in err
