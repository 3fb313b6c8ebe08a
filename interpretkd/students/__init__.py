"""`CartStudent`, `ScoredTreeStudent`, `BoostedStudent`, `LinearStudent`, committees.

Belongs here: fitting small models to target columns; how a student is chosen and cut.
Does not: what is left after `fit` (`models`), and the teacher's part (`distillation`).
Read first: `_base.py` (what students share), `_cart/estimator.py` (the tree).
"""

from typing import TYPE_CHECKING

from interpretkd._base.lazy import attach

if TYPE_CHECKING:
    from interpretkd.students._base import (
        Contender as Contender,
        TrainingData as TrainingData,
        ValidationData as ValidationData,
    )
    from interpretkd.students._boosted.estimator import *
    from interpretkd.students._boosted.leaf_budget import (
        LEARNING_RATES as LEARNING_RATES,
        TREE_LEAVES as TREE_LEAVES,
        BoostingSearch as BoostingSearch,
        BoostingTrial as BoostingTrial,
    )
    from interpretkd.students._boosted.tree_sum import *
    from interpretkd.students._cart.certificate import Certificate as Certificate
    from interpretkd.students._cart.draft import leaves_of as leaves_of
    from interpretkd.students._cart.estimator import *
    from interpretkd.students._cart.fitting import Attempt as Attempt, Fit as Fit
    from interpretkd.students._cart.growing import *
    from interpretkd.students._cart.pruning import (
        Losses as Losses,
        PruningPath as PruningPath,
        prune_path as prune_path,
        squared_errors as squared_errors,
    )
    from interpretkd.students._committee import CommitteeStudent as CommitteeStudent
    from interpretkd.students._foreign import *
    from interpretkd.students._linear.estimator import *
    from interpretkd.students._linear.path import LinearPath as LinearPath
    from interpretkd.students._readable import (
        readable_thresholds as readable_thresholds,
    )
    from interpretkd.students._scored.estimator import *
else:
    __getattr__, __dir__, __all__ = attach(
        __name__,
        """
        _base: Contender TrainingData ValidationData
        _boosted.estimator: BoostedStudent
        _boosted.leaf_budget: BoostingSearch BoostingTrial LEARNING_RATES TREE_LEAVES
        _boosted.tree_sum: BoostingRows GrownTree PENALTY TreeSum
        _cart.certificate: Certificate
        _cart.draft: leaves_of
        _cart.estimator: CartStudent
        _cart.fitting: Attempt Fit
        _cart.growing: Limits grow grow_draft
        _cart.pruning: Losses PruningPath prune_path squared_errors
        _committee: CommitteeStudent
        _foreign: as_student
        _linear.estimator: LinearStudent
        _linear.path: LinearPath
        _readable: readable_thresholds
        _scored.estimator: ScoredTreeStudent
        """,
    )
