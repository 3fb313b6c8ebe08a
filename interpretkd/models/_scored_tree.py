"""A tree whose tests may add up whole-number points of a few columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import InputError, counted
from interpretkd.data import Codes, Schema
from interpretkd.models._nodes import NODE_ARRAYS, Nodes, _check_arrays
from interpretkd.models._scores import SCORE_ARRAYS, Score, ScoredSchema
from interpretkd.models._tree import Tree


@dataclass(frozen=True, eq=False, repr=False)
class ScoredTree(Tree):
    """A tree over scores: ``2 x duration + 1 x age <= 40`` is one of its tests.

    Its schema is a `ScoredSchema`: the columns that its tests are about, some given,
    some added up. Rows of the given columns are encoded by it as by any schema; codes
    of the given columns become codes of its own by `ScoredSchema.see`. All else is as
    of a `Tree`, a test of a given column by itself included, with its categories and
    with missing values that go either way. A score is never missing: each of its terms
    says what a missing cell adds.

    Parameters
    ----------
    nodes : Nodes
        The tests of this one tree, over a `ScoredSchema`.
    value, cover, names, support : ndarray, ndarray, tuple, ndarray
        As of `Tree`.

    Raises
    ------
    InputError
        When the arrays do not fit one another, are not finite, or are about another
        schema.

    References
    ----------
    Carreira-Perpinan & Tavallali (2018), "Alternating optimization of decision trees,
    with application to learning sparse oblique trees", for tests of a few columns.
    Ustun & Rudin (2019), "Learning optimized risk scores", for whole-number points.

    Examples
    --------
    >>> from interpretkd.data import Feature
    >>> from interpretkd.models import Score, Term
    >>> given = Schema((Feature("duration"), Feature("age")))
    >>> schema = ScoredSchema(given, (), (Score((Term(0, 2), Term(1, 1))),))
    >>> nodes = Nodes(
    ...     schema,
    ...     feature=[0, -1, -1],
    ...     threshold=[40, 0, 0],
    ...     missing_left=[False, False, False],
    ...     left=[1, -1, -1],
    ...     right=[2, -1, -1],
    ...     left_categories=np.zeros(0, dtype=bool),
    ...     roots=[0],
    ... )
    >>> tree = ScoredTree(nodes, value=[[0.3], [0.2], [0.6]], cover=[4, 3, 1])
    >>> print(tree)
    2 x duration + 1 x age <= 40: 0.2 (75.0% of rows)
    2 x duration + 1 x age > 40: 0.6 (25.0% of rows)
    >>> tree.predict(np.array([[12.0, 20.0]]))
    array([[0.6]])
    """

    def __post_init__(self) -> None:
        if not isinstance(self.nodes.schema, ScoredSchema):
            raise InputError(
                "A scored tree needs a ScoredSchema. Got "
                f"{type(self.nodes.schema).__name__}."
            )
        super().__post_init__()

    @property
    def _headline(self) -> str:
        return f"{super()._headline}, {counted(self.n_terms, 'column')} to read"

    @property
    def scored_schema(self) -> ScoredSchema:
        """The columns that it tests, as what they are."""
        assert isinstance(self.nodes.schema, ScoredSchema)
        return self.nodes.schema

    @property
    def n_terms(self) -> int:
        """The columns to be read, added up over the tests."""
        schema = self.scored_schema
        scores = map(schema.score_at, self.nodes.feature[~self.nodes.is_leaf].tolist())
        return sum(1 if score is None else len(score.terms) for score in scores)

    @property
    def size_bytes(self) -> int:
        """The bytes of all arrays that it takes to decide and to say how surely."""
        own = self.scored_schema.to_arrays().values()
        return super().size_bytes + sum(array.nbytes for array in own)

    @property
    def n_parameters(self) -> int:
        """Two numbers a column of a test (column; points), a threshold, the leaves."""
        n_tests = len(self.nodes.feature) - self.n_leaves
        return 2 * self.n_terms + n_tests + self.n_leaves * self.n_outputs

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, for saving.

        Returns
        -------
        dict
            What `from_arrays` reads; the given columns are not among them.
        """
        return {**super().to_arrays(), **self.scored_schema.to_arrays()}

    @classmethod
    def from_arrays(
        cls, schema: Schema, arrays: Mapping[str, NDArray[Any]]
    ) -> "ScoredTree":
        """Build a tree from `to_arrays`' values, checking each.

        Parameters
        ----------
        schema : Schema
            The given columns.
        arrays : mapping of str to ndarray
            What `to_arrays` returned, perhaps by way of a file.

        Returns
        -------
        ScoredTree
            The tree.
        """
        known = {"support"} & set(arrays)
        _check_arrays(arrays, {*NODE_ARRAYS, *SCORE_ARRAYS, "value", "cover", *known})
        own = ScoredSchema.from_arrays(schema, arrays)
        tests = {name: arrays[name] for name in NODE_ARRAYS}
        nodes = Nodes(schema=own, roots=np.zeros(1, dtype=np.int32), **tests)
        own_values = (arrays["value"], arrays["cover"])
        return cls(nodes, *own_values, support=arrays.get("support"))


def given_schema(form: Any) -> Schema:
    """Return the columns of the rows that a form is given.

    Parameters
    ----------
    form : Tree, Forest or Linear
        The student's.

    Returns
    -------
    Schema
        Of a scored tree those that its scores are made of.
    """
    schema: Schema = form.schema
    return schema.given if isinstance(schema, ScoredSchema) else schema


def codes_of(form: Any, codes: Codes) -> Codes:
    """Return the codes that a form reads.

    Parameters
    ----------
    form : Tree, Forest or Linear
        The student's.
    codes : ndarray of shape (n_samples, n_given), float32
        Codes of `given_schema`.

    Returns
    -------
    ndarray of shape (n_samples, n_read), float32
        Of a scored tree its scores and plain columns; else the same.
    """
    schema = form.schema
    return schema.see(codes) if isinstance(schema, ScoredSchema) else codes


def on_common_scores(trees: Sequence[ScoredTree]) -> list[ScoredTree]:
    """Write trees over one and the same scores, so that their tests can be compared.

    Scores are the same whatever a missing number counts as: that is a mean of the rows
    that a tree was fitted to.

    Parameters
    ----------
    trees : sequence of ScoredTree
        Over the same given columns.

    Returns
    -------
    list of ScoredTree
        The same tests. Only the first still decides about all rows as it did: of the
        others a missing number may count as another one.
    """
    given = trees[0].scored_schema.given
    plain = sorted({column for tree in trees for column in tree.scored_schema.plain})
    scores = {
        _without_fills(score): score
        for tree in reversed(trees)  # of scores alike the first tree's are kept
        for score in tree.scored_schema.scores
    }
    schema = ScoredSchema(given, tuple(plain), tuple(scores.values()))
    place: dict[object, int] = {column: i for i, column in enumerate(plain)}
    place |= {score: len(plain) + i for i, score in enumerate(scores)}
    found = []
    for tree in trees:
        own = tree.scored_schema
        moved = [place[column] for column in own.plain]
        moved += [place[_without_fills(score)] for score in own.scores]
        # The last is what -1 of a leaf points at.
        feature = np.asarray([*moved, -1])[tree.nodes.feature]
        nodes = replace(tree.nodes, schema=schema, feature=feature)
        found.append(replace(tree, nodes=nodes))
    return found


def _without_fills(score: Score) -> Score:
    return Score(tuple(replace(term, fill=0.0) for term in score.terms))
