"""Saved runs: made, listed, loaded, handed on.

Belongs here: the bundle and its zip, training, the demo, jobs, uploads, downloads.
Does not: pages (`apps/studio`), reading tables (`data`).
Read first: `_bundle.py` (`save`, `load`), `_workflow.py` (from a table to a run).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd._base import BundleError as BundleError
    from interpretkd.runs._analysis import *
    from interpretkd.runs._archive import *
    from interpretkd.runs._bundle import *
    from interpretkd.runs._deciding import *
    from interpretkd.runs._demo import *
    from interpretkd.runs._destination import check_destination as check_destination
    from interpretkd.runs._downloads import *
    from interpretkd.runs._evaluation_rows import EvaluationRows as EvaluationRows
    from interpretkd.runs._folder import *
    from interpretkd.runs._listing import *
    from interpretkd.runs._predictions import *
    from interpretkd.runs._reading import (
        NOTES_FACT as NOTES_FACT,
        read_rows_for as read_rows_for,
    )
    from interpretkd.runs._recheck import *
    from interpretkd.runs._task import *
    from interpretkd.runs._uploads import (
        check_teacher as check_teacher,
        read_upload as read_upload,
    )
    from interpretkd.runs._workflow import *
    from interpretkd.runs.jobs import (
        DemoOrder as DemoOrder,
        Job as Job,
        TrainOrder as TrainOrder,
        start_job as start_job,
    )
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _analysis: analyse_run
        _archive: unpack_run
        _bundle: Run load load_run save
        _deciding: NewRows UNKNOWN new_rows predict_table used_columns
        _demo: DEMO_STUDENTS DEMOS Demo run_demo
        _destination: check_destination
        _downloads: Built Download MEDIA_TYPES downloads file_name report_files
        _evaluation_rows: EvaluationRows
        _folder: BUNDLE_FORMAT BundleError
        _listing: RunFacts SavedRun find_runs read_facts run_folder
            same_rows_runs saved_run suggest_name
        _predictions: take_labels take_rows_for
        _reading: NOTES_FACT read_rows_for
        _recheck: Recheck recheck recheck_table
        _task: GROUP_FACT Task read_task task_of with_student_columns
        _uploads: check_teacher read_upload
        _workflow: MOST_NETWORKS Member Outcome STUDENTS distil new_student
            train_teacher
        jobs: DemoOrder Job TrainOrder start_job
        """,
    )
