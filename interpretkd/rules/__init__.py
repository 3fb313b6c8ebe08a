"""Rules of a tree: counted on rows, rounded so that none moves, sorted, written.

Belongs here: from a tree and rows to `RuleSet`, and readable thresholds.
Does not: rules behind a preprocessing pipeline (`pipelines`), rules as SQL (`export`).
Read first: `_ruleset.py` (`extract_rules`), `_rule.py` (one rule).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.rules._rounding import readable as readable
    from interpretkd.rules._rule import Rule as Rule
    from interpretkd.rules._ruleset import *
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _rounding: readable
        _rule: Rule
        _ruleset: RuleSet extract_rules
        """,
    )
