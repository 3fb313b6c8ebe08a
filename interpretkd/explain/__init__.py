"""Why a row was decided so, what would change it, and what each column does.

Belongs here: one row, counterfactuals, what-if, effects, linear terms, images.
Does not: how far any of it can be trusted (`evaluation`).
Read first: `_row.py` (`explain_row`), `_effects.py` (boosted trees as a sum).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.explain._additive_rules import AdditiveRule as AdditiveRule
    from interpretkd.explain._effects import (
        Effects as Effects,
        VarianceShares as VarianceShares,
        shape_effects as shape_effects,
    )
    from interpretkd.explain._images.heat import (
        HeatImage as HeatImage,
        HeatPanel as HeatPanel,
        contribution_image as contribution_image,
    )
    from interpretkd.explain._images.leaves import (
        LeafFrame as LeafFrame,
        LeafImages as LeafImages,
        leaf_images as leaf_images,
    )
    from interpretkd.explain._images.path import (
        PathImage as PathImage,
        PathPixel as PathPixel,
        path_image as path_image,
    )
    from interpretkd.explain._linear_terms import (
        Contributions as Contributions,
        linear_terms as linear_terms,
        model_scorecards as model_scorecards,
        points_text as points_text,
    )
    from interpretkd.explain._plots.coefficients import (
        CoefficientDisplay as CoefficientDisplay,
    )
    from interpretkd.explain._plots.effects import (
        ShapeDisplay as ShapeDisplay,
        finite_edges as finite_edges,
        join_categories as join_categories,
    )
    from interpretkd.explain._row import (
        disagreeing_rows as disagreeing_rows,
        explain_row as explain_row,
    )
    from interpretkd.explain._row_explanation import (
        Change as Change,
        Counterfactual as Counterfactual,
        RowExplanation as RowExplanation,
        Step as Step,
    )
    from interpretkd.explain._what_if.address import (
        read_settings as read_settings,
        settings_between as settings_between,
        write_settings as write_settings,
    )
    from interpretkd.explain._what_if.inputs import (
        Input as Input,
        inputs_of as inputs_of,
        label_text as label_text,
        order_of_inputs as order_of_inputs,
        row_of as row_of,
        used_positions as used_positions,
    )
    from interpretkd.explain._what_if.outcome import (
        Answer as Answer,
        WhatIf as WhatIf,
        try_values as try_values,
    )
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
        _row_explanation: Change Counterfactual RowExplanation Step
        _what_if.address: read_settings settings_between write_settings
        _what_if.inputs: Input inputs_of label_text order_of_inputs row_of
            used_positions
        _what_if.outcome: Answer WhatIf try_values
        """,
    )
