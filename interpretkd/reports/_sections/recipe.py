"""What was done to the rows before the student was fitted, and what was tried."""

from typing import Any

import numpy as np
import pandas as pd

from interpretkd._base import InputError
from interpretkd.data import take_rows
from interpretkd.distillation import chosen_alpha, teacher_is_here
from interpretkd.methods import Hidden
from interpretkd.metrics import Estimate, measure_fidelity
from interpretkd.models import used_positions
from interpretkd.reports._document import Block, Bullets, Paragraph, Table
from interpretkd.reports._sections.subject import _Subject
from interpretkd.targets import answers_of

_MOST_ROWS_ASKED = 5_000
"""Rows of each origin on which the student is compared with its teacher."""

_MOST_SHOWN = 20
_NOTHING = "no column that stands out"


def _alpha_text(model: Any) -> str:
    """Say the weight of the labels, and whether it was chosen."""
    if model.alpha != "auto":
        return str(model.alpha)
    return f"{chosen_alpha(model):g}, chosen by accuracy on validation rows"


def _recipe_blocks(subject: _Subject) -> list[Block]:
    """Say the steps, what was tried, and how faithful the student is to what taught."""
    model = subject.found.model
    blocks: list[Block] = []
    if model.recipe_:
        blocks.append(
            Paragraph(
                "What was done to the rows before the student was fitted to them:"
            )
        )
        blocks.append(Bullets(tuple(f"{sentence}." for sentence in model.recipe_)))
    neurons = _what_neurons_are(model)
    if neurons is not None:
        blocks.append(neurons)
    if getattr(model, "trials_", ()):
        blocks.append(
            Table(
                _trials(model),
                "What was compared, on validation rows where nothing else is said; the "
                "best was taken, and weights of labels or rows only where they were "
                "better by more than a standard error",
                {"fidelity": ".3f", "accuracy": ".3f"},
            )
        )
    of_origin = _by_origin(subject)
    if of_origin is not None:
        blocks.append(of_origin)
    return blocks


def _what_neurons_are(model: Any) -> Table | None:
    """Say what each neuron goes with that the student's tests are about."""
    view, form = getattr(model, "view_", None), getattr(model.student_, "form_", None)
    if not isinstance(view, Hidden) or form is None:
        return None
    used = used_positions(form)
    return Table(
        pd.DataFrame(
            {
                "the student reads": [view.schema_.names[j] for j in used],
                "it is high for": [view.about_[j] or _NOTHING for j in used],
            }
        ),
        "What the student's rules are about: the columns that go with each neuron most "
        "in the rows that the student was fitted to, which is not all that it does",
        folded=len(used) > _MOST_SHOWN,
    )


def _trials(model: Any) -> pd.DataFrame:
    """Return what was tried, one line a trial."""
    frame = pd.DataFrame(
        {
            "tried": [str(trial) for trial in model.trials_],
            "fidelity": [trial.fidelity for trial in model.trials_],
            "accuracy": [trial.accuracy for trial in model.trials_],
            "fitted to rows": [trial.n_rows for trial in model.trials_],
        }
    )
    if frame["accuracy"].isna().all():
        return frame.drop(columns="accuracy")
    return frame.astype({"accuracy": np.float64})


def _by_origin(subject: _Subject) -> Table | None:
    """Compare student and teacher on the rows that taught: given ones apart from made.

    Agreement on made rows is no fidelity: nobody has such rows. It stands in a column
    of its own, and never in one figure with the other.
    """
    model = subject.found.model
    lesson = model.transfer_set_
    if lesson is None or lesson.is_given.all() or not teacher_is_here(model):
        return None
    columns = {"": ["rows", "agreement with the teacher"]}
    for name, which in (
        ("given rows, fitted to", lesson.is_given),
        ("made rows, fitted to", ~lesson.is_given),
    ):
        place = np.flatnonzero(which)
        some = np.random.default_rng(subject.found.seed).permutation(place)
        rows = take_rows(lesson.rows, np.sort(some[:_MOST_ROWS_ASKED]))
        try:
            agreed = _agreed(model, rows)
        except InputError:  # a teacher that is at hand, and cannot be asked
            return None
        columns[name] = [f"{len(place):,}", subject.words(agreed)]
    return Table(
        pd.DataFrame(columns),
        "The rows that the student was fitted to, by where they come from: neither "
        "column is its fidelity, which is that on held-out rows",
    )


def _agreed(model: Any, rows: Any) -> Estimate:
    said = answers_of(model.teacher_, rows)
    return measure_fidelity(model.task_, said, np.asarray(model.logits(rows)))
