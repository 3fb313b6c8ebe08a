"""Which columns of the rows a form reads."""

from interpretkd.models import Score, ScoredSchema, Term, used_positions
from tests.models.test_scores import GIVEN, SCORE, tree_of


def test_a_scored_tree_reads_what_its_tested_sums_add_up() -> None:
    alone = Score((Term(3, 1),))
    schema = ScoredSchema(GIVEN, (3,), (SCORE, alone))
    assert used_positions(tree_of(schema, feature=[0, -1, -1])) == (3,)
    assert used_positions(tree_of(schema, feature=[1, -1, -1])) == (0, 1, 2)
    assert used_positions(tree_of(schema, feature=[2, -1, -1])) == (3,)
