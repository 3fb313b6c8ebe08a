"""What a student is fitted to: decisions, probabilities and columns from logits.

Belongs here: functions on logits and labels that turn one into the other.
Does not: the teacher (`teachers`), and fitting a student (`students`).
Read first: `_target.py` (columns from logits), `_logits.py` (what logits mean).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.targets._answers import *
    from interpretkd.targets._class_order import *
    from interpretkd.targets._deciding import *
    from interpretkd.targets._decisions import *
    from interpretkd.targets._labels import *
    from interpretkd.targets._logits import *
    from interpretkd.targets._replies import *
    from interpretkd.targets._target import *
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _answers: Answers answers_of decide
        _class_order: classes_as_named classes_in_order
        _deciding: deciding deciding_labels
        _decisions: DecisionMixin
        _labels: check_labels indicate label_target
        _logits: LINKS TASKS apply_link centred_logits hard_targets
            log_probabilities probabilities soft_targets
        _replies: best_outputs certain_logits permute_rest spread_rest
        _target: TARGET_KINDS Target
        """,
    )
