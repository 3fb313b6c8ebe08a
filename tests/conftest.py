import os
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import settings

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # or scikit-learn skips a check

# One thread: on two cores, many small networks wait for each other longest.
torch.set_num_threads(1)
os.environ.setdefault("MPLBACKEND", "Agg")
settings.register_profile("steady", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("steady")


# Doctests are looked for in every module; two of one name cannot both be imported.
collect_ignore_glob = ["conftest.py", "*/conftest.py"]


@pytest.fixture(autouse=True)
def short_search(request: Any, monkeypatch: Any) -> None:
    """Search for trees in fewer steps, except where printed results are compared."""
    if request.node.path.name in ("test_readme.py", "test_search.py"):
        return
    if "studio" not in request.node.path.parts:
        monkeypatch.setattr("interpretkd.students._cart.search._MOST_STEPS", 12)


@pytest.fixture(scope="session")
def german() -> Any:
    from interpretkd.datasets import load_german_credit

    return load_german_credit()


@pytest.fixture(scope="session")
def german_teacher(german: Any) -> Any:
    from interpretkd.teachers import MLPTeacher

    rows = german.split().train
    teacher = MLPTeacher((32, 16), dropout=0.2, max_epochs=20, random_state=0)
    return teacher.fit(german.data.iloc[rows], german.target[rows])


@pytest.fixture
def gaps(german: Any) -> Any:
    """German credit with missing numbers and categories."""
    frame = german.data.copy()
    frame.loc[::7, "age_in_years"] = float("nan")
    frame.loc[::9, "purpose"] = None
    return frame


@pytest.fixture(scope="session")
def make_run(tmp_path_factory: Any) -> Any:
    """Return a function from a name of `RUNS` to that run's folder, made once."""
    from tests.studio.runs import RUNS

    made: dict[str, Path] = {}
    folder = tmp_path_factory.mktemp("made")

    def make(name: str) -> Path:
        if name not in made:
            made[name] = RUNS[name](folder / name)
        return made[name]

    return make
