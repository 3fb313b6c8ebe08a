"""The demo: a network distilled into all three students, on data that comes along."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interpretkd import datasets
from interpretkd._base import check_choice
from interpretkd.runs._destination import check_destination
from interpretkd.runs._task import task_of
from interpretkd.runs._workflow import Outcome, distil, train_teacher
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent


@dataclass(frozen=True)
class Demo:
    """What the demo does with one data set.

    Parameters
    ----------
    load : callable
        Returns the data set.
    network : {"mlp", "cnn"}
        The teacher.
    settings : mapping
        The network's parameters.
    boosting : mapping
        The boosted student's parameters.
    linear : mapping
        The linear student's parameters.
    alpha : float, default=0.0
        The weight of the labels in the boosted student's targets.
    targets : mapping
        What a student is fitted to, by its family, where it is not "auto".
    seconds : tuple of float
        About how long each step of which `run_demo` tells takes on a machine at rest.
    """

    load: Callable[[], datasets.Dataset]
    network: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    boosting: Mapping[str, Any] = field(default_factory=dict)
    linear: Mapping[str, Any] = field(default_factory=dict)
    alpha: float = 0.0
    targets: Mapping[str, str] = field(default_factory=dict)
    seconds: tuple[float, ...] = (0.5, 2.0, 0.1, 4.0, 4.0, 2.0)


DEMOS: Mapping[str, Demo] = {
    "connect4": Demo(
        datasets.load_connect4,
        "mlp",
        {"hidden": (512, 256), "dropout": 0.2, "max_epochs": 16},
        {"max_depth": 8, "column_share": 0.5, "n_rounds": 300, "learning_rate": 0.4},
        # A booster fitted to the labels is as accurate as this network: listen to both.
        alpha=0.3,
        seconds=(0.5, 19.0, 0.1, 16.0, 18.0, 10.0),
    ),
    "german": Demo(
        datasets.load_german_credit,
        "mlp",
        {"hidden": (64, 32), "dropout": 0.3, "max_epochs": 60},
        {"max_depth": 3, "learning_rate": 0.1},
    ),
    "digits": Demo(datasets.load_digits, "mlp", {"dropout": 0.2}, {"max_depth": 4}),
    "mnist": Demo(
        datasets.load_mnist,
        "cnn",
        {"max_epochs": 6},
        {"max_depth": 5, "n_rounds": 60, "column_share": 0.1},
        {"max_iter": 60},
        # Six trials of these on 784 columns would take longer than all the rest.
        targets={"boosted": "soft", "linear": "soft"},
        seconds=(1.0, 60.0, 0.1, 60.0, 60.0, 30.0),
    ),
}
"""By the name that the command line gives them."""


DEMO_STUDENTS = ("cart", "boosted", "linear")
"""What a demo distils into."""


def run_demo(
    name: str,
    path: str | os.PathLike[str],
    *,
    max_leaves: int = 16,
    seed: int = 0,
    tell: Callable[[str], object] = lambda _: None,
    on_epoch: Callable[[float, int], object] | None = None,
) -> dict[str, Outcome]:
    """Train a teacher on one data set and distil it into the three students.

    Parameters
    ----------
    name : {"connect4", "german", "digits", "mnist"}
        The data set.
    path : str or path
        A folder; each student's run is saved in a folder of its name below it.
    max_leaves : int, default=16
        In [2, inf): the size of the tree.
    seed : int, default=0
        Of split, network and students.
    tell : callable, default does nothing
        Called with a line of text before each step.
    on_epoch : callable, default=None
        As of `interpretkd.runs.train_teacher`.

    Returns
    -------
    dict of str to Outcome
        For "cart", "boosted" and "linear" the run.

    Raises
    ------
    InputError
        Before anything is trained where a run cannot be saved; runs that are there are
        replaced.
    """
    check_choice("run_demo", "name", name, DEMOS)
    for family in DEMO_STUDENTS:
        check_destination(Path(path) / family, overwrite=True)
    demo = DEMOS[name]
    dataset = demo.load()
    task = task_of(dataset, seed=seed)
    tell(
        f"{dataset.name}: {len(task.y):,} rows, {task.X.shape[1]} columns; "
        f"{len(task.split.train):,} train the network, {len(task.split.transfer):,} "
        f"more the students, {len(task.split.test):,} judge."
    )
    tell(f"Training the teacher ({demo.network.upper()}) ...")
    teacher = train_teacher(
        task,
        demo.network,
        seed=seed,
        on_epoch=on_epoch,
        **demo.settings,
    )
    tell(f"The teacher has {teacher.n_parameters:,} parameters.")
    students = {
        "cart": CartStudent(max_leaves, random_state=seed),
        "boosted": BoostedStudent(random_state=seed, **demo.boosting),
        "linear": LinearStudent(**demo.linear),
    }
    outcomes = {}
    for family, student in students.items():
        tell(f"Distilling into the {family} student ...")
        folder = Path(path) / family
        outcomes[family] = distil(
            task,
            teacher,
            student,
            folder,
            target=demo.targets.get(family, "auto"),
            alpha=demo.alpha if family == "boosted" else 0.0,
            seed=seed,
            command=f"interpretkd demo --data {name} --max-leaves {max_leaves} "
            f"--seed {seed}",
        )
    return outcomes
