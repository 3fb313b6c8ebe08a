"""Numbers on logits and labels, each with an interval, and tests on pairs of them.

Belongs here: fidelity (with the teacher), accuracy (with the labels), their intervals.
Does not: whole evaluations of a model (`evaluation`).
Read first: `_agreement.py` (fidelity and accuracy), `_intervals.py` (`Estimate`).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.metrics._agreement import (
        accuracy as accuracy,
        agreement as agreement,
        as_matrix as as_matrix,
        check_distilled as check_distilled,
        check_known as check_known,
        checked_pair as checked_pair,
        fidelity as fidelity,
        kl_divergence as kl_divergence,
        label_matches as label_matches,
        measure_fidelity as measure_fidelity,
        plain_fidelity as plain_fidelity,
        r2 as r2,
        r2_of_means as r2_of_means,
        row_divergences as row_divergences,
        squared_parts as squared_parts,
    )
    from interpretkd.metrics._groups import *
    from interpretkd.metrics._intervals import (
        Estimate as Estimate,
        PairedTest as PairedTest,
        bootstrap_interval as bootstrap_interval,
        compare_means as compare_means,
        compare_shares as compare_shares,
        part_interval as part_interval,
        percentile_interval as percentile_interval,
        resample as resample,
        share_interval as share_interval,
        wilson_interval as wilson_interval,
    )
    from interpretkd.metrics._paired import *
    from interpretkd.metrics._rows import *
    from interpretkd.metrics._scorer import fidelity_scorer as fidelity_scorer
    from interpretkd.metrics._scores import *
    from interpretkd.metrics._slices import (
        class_fidelities as class_fidelities,
        fidelity_by_class as fidelity_by_class,
        fidelity_by_slice as fidelity_by_slice,
        named_slices as named_slices,
        slice_fidelities as slice_fidelities,
        slices_of as slices_of,
    )
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _agreement: accuracy agreement as_matrix check_distilled check_known
            checked_pair fidelity kl_divergence label_matches measure_fidelity
            plain_fidelity r2 r2_of_means row_divergences
            squared_parts
        _groups: FEW_GROUPS effective_rows of_sums sums_of_groups
        _intervals: Estimate PairedTest bootstrap_interval compare_means
            compare_shares part_interval percentile_interval resample
            share_interval wilson_interval
        _paired: mcnemar paired_bootstrap paired_divergence
        _rows: rows_to_measure
        _scorer: fidelity_scorer
        _scores: accuracy_improvement accuracy_reduction constant_fidelity
            distillation_score size_reduction
        _slices: class_fidelities fidelity_by_class fidelity_by_slice
            named_slices slice_fidelities slices_of
        """,
    )
