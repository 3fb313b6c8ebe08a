"""Saved runs: made, listed, loaded, handed on.

Belongs here: the bundle on disk, training from a table, jobs, uploads, downloads.
Does not: pages (`apps/studio`), reading tables (`data`).
Read first: `_bundle.py` (`save`, `load`), `_workflow.py` (from a table to a run).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.runs._analysis import analyse_run as analyse_run
    from interpretkd.runs._archive import unpack_run as unpack_run
    from interpretkd.runs._bundle import (
        EvaluationRows as EvaluationRows,
        Run as Run,
        load as load,
        load_run as load_run,
        save as save,
    )
    from interpretkd.runs._demo import (
        DEMOS as DEMOS,
        Demo as Demo,
        run_demo as run_demo,
    )
    from interpretkd.runs._downloads import (
        MEDIA_TYPES as MEDIA_TYPES,
        Built as Built,
        Download as Download,
        downloads as downloads,
        file_name as file_name,
        report_files as report_files,
    )
    from interpretkd.runs._folder import BUNDLE_FORMAT as BUNDLE_FORMAT
    from interpretkd.runs._listing import (
        RunFacts as RunFacts,
        SavedRun as SavedRun,
        find_runs as find_runs,
        read_facts as read_facts,
        run_folder as run_folder,
        same_rows_runs as same_rows_runs,
        saved_run as saved_run,
        suggest_name as suggest_name,
    )
    from interpretkd.runs._predictions import (
        predict_table as predict_table,
        take_labels as take_labels,
        take_rows_for as take_rows_for,
    )
    from interpretkd.runs._uploads import (
        check_teacher as check_teacher,
        read_upload as read_upload,
    )
    from interpretkd.runs._workflow import (
        STUDENTS as STUDENTS,
        Outcome as Outcome,
        Task as Task,
        distil as distil,
        new_student as new_student,
        read_task as read_task,
        task_of as task_of,
        train_teacher as train_teacher,
    )
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
        _bundle: EvaluationRows Run load load_run save
        _demo: DEMOS Demo run_demo
        _downloads: Built Download MEDIA_TYPES downloads file_name report_files
        _folder: BUNDLE_FORMAT
        _listing: RunFacts SavedRun find_runs read_facts run_folder
            same_rows_runs saved_run suggest_name
        _predictions: predict_table take_labels take_rows_for
        _uploads: check_teacher read_upload
        _workflow: Outcome STUDENTS Task distil new_student read_task task_of
            train_teacher
        jobs: DemoOrder Job TrainOrder start_job
        """,
    )
