"""`DistilledClassifier` and `DistilledRegressor`: from a teacher to a student.

Belongs here: asking the teacher, choosing the target, fitting student and baseline.
Does not: sizes and families of students (`model_selection`), measuring (`evaluation`).
Read first: `_base.py` (the way of one `fit`), `_choosing.py` (target and search).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.distillation._answers import *
    from interpretkd.distillation._calibration import Taught as Taught, teach as teach
    from interpretkd.distillation._choosing import TargetTrial as TargetTrial
    from interpretkd.distillation._classifier import (
        DistilledClassifier as DistilledClassifier,
    )
    from interpretkd.distillation._fitting import *
    from interpretkd.distillation._refitting import *
    from interpretkd.distillation._regressor import *
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _answers: certainty check_model decisions given_rows output_names
            same_decisions task_text teacher_is_here teacher_says
        _calibration: Taught teach
        _choosing: TargetTrial
        _classifier: DistilledClassifier
        _fitting: fit_student
        _refitting: Refitting chosen_alpha
        _regressor: DistilledRegressor
        """,
    )
