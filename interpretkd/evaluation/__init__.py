"""How far a student can be trusted: fidelity, accuracy, verdict, and their limits.

Belongs here: `evaluate`, `Analysis`, disagreements, stability, interventions, figures.
Does not: single numbers (`metrics`), and why one row was decided so (`explain`).
Read first: `_evaluate.py` (`evaluate`), `_analysis.py` (all measures of one model).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.evaluation._analysis import (
        Analysis as Analysis,
        analyse as analyse,
    )
    from interpretkd.evaluation._comparable import *
    from interpretkd.evaluation._comparison import *
    from interpretkd.evaluation._disagreement_rows import *
    from interpretkd.evaluation._disagreements import *
    from interpretkd.evaluation._evaluate import *
    from interpretkd.evaluation._evaluation import *
    from interpretkd.evaluation._interventions import *
    from interpretkd.evaluation._nodes import *
    from interpretkd.evaluation._plots.confusion import *
    from interpretkd.evaluation._plots.reliability import *
    from interpretkd.evaluation._plots.residuals import *
    from interpretkd.evaluation._stability import (
        Stability as Stability,
        stability as stability,
    )
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _analysis: Analysis analyse
        _comparable: why_not_comparable
        _comparison: AXES ComparedStudent Comparison MEASURES Pair chart_sizes
            compare
        _disagreement_rows: filter_disagreements label_disagreements leads
        _disagreements: Disagreements Region disagreements
        _evaluate: evaluate
        _evaluation: Evaluation Scores Size
        _interventions: ConditionBreak Interventions RuleIntervention
            interventions
        _nodes: NodeFacts example_rows node_facts
        _plots.confusion: ConfusionDisplay
        _plots.reliability: ReliabilityDisplay
        _plots.residuals: ResidualDisplay
        _stability: Stability stability
        """,
    )
