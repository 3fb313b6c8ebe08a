"""What is left of a fitted student: frozen arrays that predict and can be read.

Belongs here: `Tree`, `ScoredTree`, `Forest`, `Linear`, their conditions and outlines.
Does not: how they are fitted (`students`), drawn (`drawing`) or written (`export`).
Read first: `_tree.py` (the arrays of a tree), `_nodes.py` (its tests).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.models._conditions import *
    from interpretkd.models._contributions import *
    from interpretkd.models._forest import *
    from interpretkd.models._form import *
    from interpretkd.models._joining import *
    from interpretkd.models._linear import *
    from interpretkd.models._nodes import *
    from interpretkd.models._outline import (
        decision_cells as decision_cells,
        from_left as from_left,
        outline as outline,
    )
    from interpretkd.models._outputs import *
    from interpretkd.models._scorecard import *
    from interpretkd.models._scored_tree import *
    from interpretkd.models._scores import *
    from interpretkd.models._seen import *
    from interpretkd.models._sizes import *
    from interpretkd.models._thresholds import *
    from interpretkd.models._tree import *
    from interpretkd.models._used import *
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _conditions: Condition branch_tests node_test path_conditions decision_path
        _contributions: feature_importance path_contributions
        _forest: Forest
        _form: Form
        _joining: add_trees average_forms common_schema join_nodes
        _linear: Linear design_matrix linear_margins
        _nodes: ALL_NUMBERS NODE_ARRAYS Nodes floor_to_float32 freeze
        _outline: decision_cells from_left outline
        _outputs: LeafOutcomes Outputs decision_probability leaf_outcomes
            read_outputs
        _scorecard: Points Scorecard read_scorecards readable_step
        _scored_tree: ScoredTree codes_of given_schema on_common_scores
        _scores: LARGEST_WEIGHT SCORE_ARRAYS Score ScoredSchema Term
        _seen: check_given_columns check_reads_given codes_seen has_own_columns
            rows_seen schema_seen view_makes_columns view_size view_size_text
        _sizes: items_of size_of
        _thresholds: column_gaps node_gaps numeric_tests shortest_thresholds
        _tree: Tree
        _used: columns_of used_positions
        """,
    )
