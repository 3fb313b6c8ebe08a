"""A saved run's model and rows, brought together."""

import numpy as np

from interpretkd._base import InputError
from interpretkd.evaluation import Analysis
from interpretkd.runs._bundle import Run


def analyse_run(run: Run) -> Analysis:
    """Bring a saved run's model and its evaluation rows together.

    Parameters
    ----------
    run : Run
        What `load_run` returned.

    Returns
    -------
    Analysis
        On the rows that were saved with it.

    Raises
    ------
    InputError
        When no rows were saved.
    """
    kept = run.evaluation
    if kept is None:
        raise InputError(
            "This run has no evaluation rows: save it with "
            "save(model, path, X_test, y_test)."
        )
    labels = None if kept.y is None else np.asarray(kept.y)
    return Analysis(
        run.model,
        kept.X,
        labels,
        kept.teacher_logits,
        run.about,
        own=kept.own,
        groups=kept.groups,
    )
