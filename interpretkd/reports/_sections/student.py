"""The student itself: a drawn tree, coefficients, or the shapes of boosted trees."""

import numpy as np
import pandas as pd

from interpretkd.drawing import draw_pages, draw_tree
from interpretkd.explain import CoefficientDisplay, Effects, ShapeDisplay, shape_effects
from interpretkd.models import Linear
from interpretkd.reports._document import Block, Code, Figure, Paragraph, Section, Table
from interpretkd.reports._sections.subject import (
    MOST_ROWS_TOLD,
    Builder,
    _pictured,
    _plural,
    _Subject,
)

_LEVELS_A_PAGE, _MOST_PAGES, _FEW_LEAVES = 4, 40, 4
_MOST_LEAVES_DRAWN = 32


def _student(subject: _Subject) -> Section:
    found = subject.found
    if found.tree is not None:
        return Section("The student", tuple(_tree_blocks(subject)))
    if isinstance(found.form, Linear):
        return Section("The student", tuple(_linear_blocks(subject)))
    return Section("The student", tuple(_forest_blocks(subject)))


def _tree_blocks(subject: _Subject) -> list[Block]:
    """Draw the tree: whole, or in pages that a person can read."""
    found = subject.found
    outline = Code(found.rules.outline())
    n_leaves = found.rules.tree.n_leaves
    if n_leaves <= _MOST_LEAVES_DRAWN:
        drawing = draw_tree(found.model)
        wide = n_leaves > _FEW_LEAVES
        return [
            Figure(drawing.svg(theme="light"), "The tree", drawing.alt, wide=wide),
            outline,
        ]
    pages = draw_pages(found.model, depth=_LEVELS_A_PAGE)
    blocks: list[Block] = [
        Figure(
            page.svg(theme="light"),
            f"The tree, page {i} of {len(pages)}",
            page.alt,
            wide=True,
        )
        for i, page in enumerate(pages[:_MOST_PAGES], start=1)
    ]
    if len(pages) > _MOST_PAGES:
        left = len(pages) - _MOST_PAGES
        blocks.append(Paragraph(f"{left} more pages are left out: see the outline."))
    return [*blocks, outline]


def _linear_blocks(subject: _Subject) -> list[Block]:
    found = subject.found
    names = [str(name) for name in getattr(found.model, "classes_", ["value"])]
    wide = found.form.n_outputs == len(names)
    frame = found.form.to_frame(names if wide else None)
    drawn = CoefficientDisplay.from_model(found.model, found.X)
    caption = "The largest coefficients, for a change of one standard deviation"
    blocks: list[Block] = [
        *_pictured(drawn, caption),
        Table(
            frame.reset_index(), "All coefficients", folded=len(frame) > MOST_ROWS_TOLD
        ),
    ]
    cards = () if found.form.points is None else found.model.student_.scorecards_
    for card in cards:
        blocks += [Paragraph("Scorecard"), Code(str(card))]
    return blocks


def _forest_blocks(subject: _Subject) -> list[Block]:
    found = subject.found
    effects = found.over_some_rows(shape_effects)
    formats = {"strength": ".3g", "share": ".1%", "h": ".2f", "coverage": ".1%"}
    form, n_rows = found.form, len(found.some_rows)
    shapes = ShapeDisplay.from_effects(effects)
    return [
        Paragraph(
            f"{_plural(form.n_trees, 'tree', 'trees')} with {form.n_leaves:,} leaves, "
            f"read as a sum of effects over {n_rows:,} rows. {effects.shares}"
        ),
        Table(
            effects.importances(), "Features by the strength of their effect", formats
        ),
        *_pictured(shapes, "The shapes of the strongest effects"),
        Table(effects.pairs().head(10), "The strongest pairs", formats),
        Table(effects.top_rules(), "The rules that contribute most", formats),
        Table(_shapes(effects), "The shape of each effect", {}, folded=True),
    ]


def _shapes(effects: Effects) -> pd.DataFrame:
    """Return what each value adds, the ends of dates' intervals as dates."""
    frame = effects.to_frame()
    features = {feature.name: feature for feature in effects.cells.schema.features}
    ends = {
        end: pd.Series(
            [
                features[name].last_text(value)
                if features[name].is_date and np.isfinite(value)
                else value
                for name, value in zip(frame["feature"], frame[end], strict=True)
            ],
            index=frame.index,
            dtype=object,
        )
        for end in ("low", "high")
    }
    return frame.assign(**ends)


STUDENT: tuple[Builder, ...] = (_student,)
"""The student."""
