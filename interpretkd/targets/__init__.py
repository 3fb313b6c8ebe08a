"""What a student is fitted to: decisions, probabilities and columns from logits.

Belongs here: functions on logits and labels that turn one into the other.
Does not: the teacher (`teachers`), and fitting a student (`students`).
Read first: `_target.py` (columns from logits), `_logits.py` (what logits mean).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.targets._decisions import DecisionMixin as DecisionMixin
    from interpretkd.targets._labels import (
        check_labels as check_labels,
        indicate as indicate,
        label_target as label_target,
    )
    from interpretkd.targets._logits import (
        LINKS as LINKS,
        TASKS as TASKS,
        apply_link as apply_link,
        centred_logits as centred_logits,
        decide as decide,
        hard_targets as hard_targets,
        log_probabilities as log_probabilities,
        probabilities as probabilities,
        soft_targets as soft_targets,
    )
    from interpretkd.targets._target import (
        TARGET_KINDS as TARGET_KINDS,
        Target as Target,
    )
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _decisions: DecisionMixin
        _labels: check_labels indicate label_target
        _logits: LINKS TASKS apply_link centred_logits decide hard_targets
            log_probabilities probabilities soft_targets
        _target: TARGET_KINDS Target
        """,
    )
