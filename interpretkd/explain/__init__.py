"""Why a row was decided so, what would change it, and what each column does.

Belongs here: one row, counterfactuals, what-if, effects, linear terms, images.
Does not: how far any of it can be trusted (`evaluation`).
Read first: `_row.py` (`explain_row`), `_effects.py` (boosted trees as a sum).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.explain._additive_rules import *
    from interpretkd.explain._effects import *
    from interpretkd.explain._images.heat import *
    from interpretkd.explain._images.leaves import *
    from interpretkd.explain._images.path import *
    from interpretkd.explain._linear_terms import *
    from interpretkd.explain._plots.coefficients import *
    from interpretkd.explain._plots.effects import *
    from interpretkd.explain._row import *
    from interpretkd.explain._row_explanation import *
    from interpretkd.explain._what_if.address import *
    from interpretkd.explain._what_if.inputs import *
    from interpretkd.explain._what_if.outcome import *
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _additive_rules: AdditiveRule
        _effects: Effects VarianceShares shape_effects
        _images.heat: HeatImage HeatPanel contribution_image
        _images.leaves: LeafFrame LeafImages leaf_images
        _images.path: PathImage PathPixel path_image
        _linear_terms: Contributions linear_terms model_scorecards points_text
        _plots.coefficients: CoefficientDisplay
        _plots.effects: ShapeDisplay finite_edges join_categories
        _row: disagreeing_rows explain_row
        _row_explanation: Change Counterfactual RowExplanation PathStep
        _what_if.address: read_settings settings_between write_settings
        _what_if.inputs: Input inputs_of label_text order_of_inputs positions_read
            row_of
        _what_if.outcome: Answer WhatIf try_values
        """,
    )
