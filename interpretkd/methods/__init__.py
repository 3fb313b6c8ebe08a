"""The methods of distillation as steps from transfer set to transfer set.

Belongs here: the protocol and every step, view and scheme that only composes.
Does not: combinations of teachers (`teachers`); the order of a fit (`distillation`).
Read first: `_step.py` and `_kinds.py` (the protocol), `_context.py` (what a step sees).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.methods._absent import (
        AbsentScheme as AbsentScheme,
        AbsentStep as AbsentStep,
    )
    from interpretkd.methods._columns import (
        Columns as Columns,
        Corrupted as Corrupted,
        Prefix as Prefix,
    )
    from interpretkd.methods._context import NEEDS as NEEDS, Context as Context
    from interpretkd.methods._from_function import (
        Auto as Auto,
        FromFunction as FromFunction,
    )
    from interpretkd.methods._generators import (
        Images as Images,
        Mix as Mix,
        Munge as Munge,
        Resample as Resample,
    )
    from interpretkd.methods._hidden import Hidden as Hidden
    from interpretkd.methods._hints import Features as Features
    from interpretkd.methods._interleaved import Interleaved as Interleaved
    from interpretkd.methods._kinds import (
        Hint as Hint,
        Reply as Reply,
        RowGenerator as RowGenerator,
        Weighting as Weighting,
    )
    from interpretkd.methods._local import Local as Local
    from interpretkd.methods._masks import Attended as Attended, Masked as Masked
    from interpretkd.methods._members import (
        EachTeacher as EachTeacher,
        RandomTeacher as RandomTeacher,
    )
    from interpretkd.methods._pooled import Pooled as Pooled
    from interpretkd.methods._positions import positions_of as positions_of
    from interpretkd.methods._questions import Questions as Questions
    from interpretkd.methods._ranked import (
        KBest as KBest,
        Permuted as Permuted,
        TopK as TopK,
    )
    from interpretkd.methods._replies import (
        Conditional as Conditional,
        Smoothed as Smoothed,
        Virtual as Virtual,
    )
    from interpretkd.methods._scheme import (
        Pupil as Pupil,
        Scheme as Scheme,
        StudentFit as StudentFit,
    )
    from interpretkd.methods._slots import (
        SLOTS as SLOTS,
        apply_steps as apply_steps,
        as_steps as as_steps,
        check_part as check_part,
        check_steps as check_steps,
    )
    from interpretkd.methods._step import Step as Step, Use as Use
    from interpretkd.methods._view import (
        ColumnView as ColumnView,
        DerivedView as DerivedView,
        View as View,
    )
    from interpretkd.methods._weightings import (
        Confidence as Confidence,
        Error as Error,
        Hardness as Hardness,
    )
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _absent: AbsentScheme AbsentStep
        _columns: Columns Corrupted Prefix
        _context: Context NEEDS
        _from_function: Auto FromFunction
        _generators: Images Mix Munge Resample
        _interleaved: Interleaved
        _masks: Attended Masked
        _hidden: Hidden
        _hints: Features
        _local: Local
        _kinds: Hint Reply RowGenerator Weighting
        _members: EachTeacher RandomTeacher
        _pooled: Pooled
        _positions: positions_of
        _questions: Questions
        _ranked: KBest Permuted TopK
        _replies: Conditional Smoothed Virtual
        _scheme: Pupil Scheme StudentFit
        _slots: SLOTS apply_steps as_steps check_part check_steps
        _step: Step Use
        _view: ColumnView DerivedView View
        _weightings: Confidence Error Hardness
        """,
    )
