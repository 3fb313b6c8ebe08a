"""Families and sizes of students: which one is worth its size.

Belongs here: candidates, the three parts of the rows, the frontier and its figure.
Does not: fitting one student (`distillation`), measuring one model (`evaluation`).
Read first: `_frontier.py` (`frontier`), `_candidates.py` (what is tried).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.model_selection._candidates import (
        Budget as Budget,
        Candidate as Candidate,
    )
    from interpretkd.model_selection._frontier import *
    from interpretkd.model_selection._learning_curve import (
        learning_curve as learning_curve,
    )
    from interpretkd.model_selection._learning_points import (
        LearningCurve as LearningCurve,
        LearningPoint as LearningPoint,
    )
    from interpretkd.model_selection._plots import *
    from interpretkd.model_selection._results import *
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _candidates: Budget Candidate
        _frontier: frontier
        _learning_curve: learning_curve
        _learning_points: LearningCurve LearningPoint
        _plots: LearningCurveDisplay SizeDisplay
        _results: Frontier FrontierPoint
        """,
    )
