"""A neural network in, a small model that people can read out.

Importing it reads nothing but this page: names and rooms resolve when they are first
asked for. ``ARCHITECTURE.md`` says what lies in which room.
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach
from interpretkd._base.version import __version__ as __version__

if TYPE_CHECKING:
    from interpretkd import (
        data as data,
        datasets as datasets,
        distillation as distillation,
        drawing as drawing,
        evaluation as evaluation,
        explain as explain,
        export as export,
        methods as methods,
        metrics as metrics,
        model_selection as model_selection,
        models as models,
        pipelines as pipelines,
        reports as reports,
        rules as rules,
        runs as runs,
        students as students,
        studio as studio,
        targets as targets,
        teachers as teachers,
        transfer as transfer,
    )
    from interpretkd._base import (
        BundleError as BundleError,
        InputError as InputError,
        PrecisionWarning as PrecisionWarning,
    )
    from interpretkd.distillation import (
        DistilledClassifier as DistilledClassifier,
        DistilledRegressor as DistilledRegressor,
    )
    from interpretkd.evaluation import evaluate as evaluate
    from interpretkd.explain import explain_row as explain_row
    from interpretkd.export import export_student as export_student
    from interpretkd.metrics import fidelity as fidelity
    from interpretkd.model_selection import frontier as frontier
    from interpretkd.reports import make_report as make_report
    from interpretkd.rules import extract_rules as extract_rules
    from interpretkd.runs import load as load, save as save
    from interpretkd.students import (
        BoostedStudent as BoostedStudent,
        CartStudent as CartStudent,
        CommitteeStudent as CommitteeStudent,
        LinearStudent as LinearStudent,
        ScoredTreeStudent as ScoredTreeStudent,
    )
    from interpretkd.teachers import (
        CallableTeacher as CallableTeacher,
        CNNRegressorTeacher as CNNRegressorTeacher,
        CNNTeacher as CNNTeacher,
        ColumnsTeacher as ColumnsTeacher,
        EnsembleTeacher as EnsembleTeacher,
        MLPRegressorTeacher as MLPRegressorTeacher,
        MLPTeacher as MLPTeacher,
        OnnxTeacher as OnnxTeacher,
        SpecialistTeacher as SpecialistTeacher,
        TorchTeacher as TorchTeacher,
    )
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _base: BundleError InputError PrecisionWarning
        distillation: DistilledClassifier DistilledRegressor
        evaluation: evaluate
        explain: explain_row
        export: export_student
        metrics: fidelity
        model_selection: frontier
        reports: make_report
        rules: extract_rules
        runs: load save
        students: BoostedStudent CartStudent CommitteeStudent LinearStudent
            ScoredTreeStudent
        teachers: CNNRegressorTeacher CNNTeacher CallableTeacher ColumnsTeacher
            EnsembleTeacher MLPRegressorTeacher MLPTeacher OnnxTeacher
            SpecialistTeacher TorchTeacher
        """,
        rooms="""
        data datasets distillation drawing evaluation explain export methods
        metrics model_selection models pipelines reports rules runs students studio
        targets teachers transfer
        """,
    )
