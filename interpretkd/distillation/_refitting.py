"""Fitting a fitted model's student anew, to other rows, as the model was fitted."""

from dataclasses import dataclass
from typing import Any

from interpretkd._base import InputError
from interpretkd.distillation._calibration import Taught, teach
from interpretkd.distillation._recipe import _Methods, _methods, _Recipe
from interpretkd.distillation._teaching import _Pupil, _try
from interpretkd.methods import Confidence, Context, Questions
from interpretkd.students import as_student
from interpretkd.transfer import TransferSet


def chosen_alpha(model: Any) -> float:
    """Return the weight of the labels that a model was given, or has chosen.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted or loaded.

    Returns
    -------
    float
        In [0, 1]: of the probabilities that are meant, also where the labels' tree is
        the student.
    """
    if model.alpha != "auto":
        return float(model.alpha)
    ours = [t.target.alpha for t in model.trials_ if t.name.startswith("the student,")]
    return float(ours[0] if ours else model.target_.alpha)


@dataclass(frozen=True, eq=False)
class Refitting:
    """How a model's student is fitted anew: to its target, by its steps and its view.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted or loaded.
    recipe : Recipe
        What is done to rows.
    lacking : tuple of str
        The steps of the model that are not done again, each as a sentence.
    """

    model: Any
    recipe: _Recipe
    lacking: tuple[str, ...]

    @classmethod
    def of(cls, model: Any, given: TransferSet) -> "Refitting":
        """Find which of a model's steps can be done again.

        Neither further rows are drawn nor are several fits made; a step that needs a
        teacher that is absent, or that a run does not hold, is left out.

        Parameters
        ----------
        model : DistilledClassifier or DistilledRegressor
            Fitted or loaded.
        given : TransferSet
            The rows, by the model's own columns.

        Returns
        -------
        Refitting
            Ready to teach.
        """
        recipe = _recipe_of(model, given)
        done = recipe.sentences()
        lacking = tuple(s for s in _steps_told(model) if s not in done)
        return cls(model, recipe, lacking)

    @property
    def note(self) -> str:
        """What is not done again, in a sentence; "" where all is."""
        if not self.lacking:
            return ""
        joined = "; ".join(self.lacking)
        return f"They were fitted without what shaped the model: {joined}."

    def seen(self, rows: TransferSet) -> TransferSet:
        """Return rows as the students read them.

        Parameters
        ----------
        rows : TransferSet
            By the model's own columns.

        Returns
        -------
        TransferSet
            By those of its view.
        """
        return self.recipe.seen(rows)

    def teach(
        self, student: Any, rows: TransferSet, apart: TransferSet | None
    ) -> Taught:
        """Fit a copy of a student.

        Parameters
        ----------
        student : regressor
            It is cloned.
        rows : TransferSet
            What it is fitted to, before any step.
        apart : TransferSet or None
            Other rows, as of `teach`; they pass through the view alone.

        Returns
        -------
        Taught
            The fitted copy; it reads what `seen` returns.
        """
        lesson = self.recipe.lesson(rows, further=False)
        held_out = None if apart is None else self.recipe.seen(apart)
        alpha = chosen_alpha(self.model)  # of the leaves of the labels' tree, too
        return teach(student, self.model.target_, lesson, held_out, alpha=alpha)


def _steps_told(model: Any) -> tuple[str, ...]:
    """Return the sentences of a model's steps, without what these had to note."""
    try:
        methods = _methods(type(model).__name__, model)
    except InputError:  # a run that holds but the sentence of somebody's own step
        return model.recipe_
    own = (*methods.transfer, *(s for part in methods.steps.values() for s in part))
    known = {str(step) for step in (*own, methods.view, methods.scheme)}
    known |= {str(Confidence())} if methods.weighs else set()
    return tuple(sentence for sentence in model.recipe_ if sentence in known)


def _recipe_of(model: Any, given: TransferSet) -> _Recipe:
    target, student = model.target_, as_student(model.student_)

    def fit(rows: TransferSet) -> _Pupil:
        return _Pupil(_try(student.without_search(), target, target, rows), bare)

    questions = Questions(model.teacher_)
    context = Context(model.teacher_, model.schema_, model.task_, 0, questions, fit)
    bare = _Recipe(context)
    recipe = _Recipe(context, view=model.view_)
    if not model.recipe_:  # such as a labels' tree, which no step has shaped
        return recipe
    try:
        methods = _methods(type(model).__name__, model)
    except InputError:  # a run that holds but the sentence of somebody's own step
        return recipe
    there = context.offers(given)
    steps = {
        slot: tuple(s for s in own if str(s) in model.recipe_ and s.needs <= there)
        for slot, own in methods.steps.items()
    }
    whole = _Recipe(context, steps=steps, view=model.view_)
    whole = _with_chosen_weights(model, methods, whole)
    try:
        whole.prepared(given, further=False)
    except InputError:
        return recipe
    return whole


def _with_chosen_weights(model: Any, methods: _Methods, recipe: _Recipe) -> _Recipe:
    """Return the recipe with the weights that ``weights="auto"`` has chosen."""
    chosen = Confidence()
    serves = methods.weighs and str(chosen) in model.recipe_
    return recipe.with_weights(chosen) if serves else recipe
