"""What an evaluation found: figures with intervals, and the sentence they come to."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from interpretkd._base import (
    Shown,
    counted,
    escape_html,
    html_table,
)
from interpretkd.metrics import (
    Estimate,
    PairedTest,
    accuracy_improvement,
    accuracy_reduction,
    distillation_score,
    size_reduction,
)


@dataclass(frozen=True)
class Size:
    """How large a model is.

    Parameters
    ----------
    parameters : int or None, default=None
        The numbers it holds; None when unknown.
    bytes : int or None, default=None
        The bytes of these numbers; None when unknown.
    """

    parameters: int | None = None
    bytes: int | None = None


@dataclass(frozen=True)
class Scores:
    """What was measured of one model.

    Parameters
    ----------
    size : Size
        How large it is.
    accuracy : Estimate or None, default=None
        With the labels (R2, for regression); None without labels.
    fidelity : Estimate or None, default=None
        With the teacher: agreement (R2, for regression); None for the teacher itself.
    kl : Estimate or None, default=None
        KL(teacher || model) in nats; None for the teacher and for regression.
    r2 : Estimate or None, default=None
        Of the logits against the teacher's; None for the teacher itself.
    origin_fidelity : Estimate or None, default=None
        With the first teacher, of a chain in which the teacher is itself distilled;
        None of no chain.
    """

    size: Size
    accuracy: Estimate | None = None
    fidelity: Estimate | None = None
    kl: Estimate | None = None
    r2: Estimate | None = None
    origin_fidelity: Estimate | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation(Shown):
    """All that was measured on one held-out set; `evaluate` makes it.

    Parameters
    ----------
    task : {"multiclass", "multilabel", "regression"}
        What the models decide.
    n : int
        The rows.
    teacher, student : Scores
        What was measured of each.
    baseline : Scores or None, default=None
        Of the same student fitted to the labels alone; None when there is none.
    accuracy_test, fidelity_test : PairedTest or None, default=None
        Student against baseline.
    by_class : DataFrame or None, default=None
        As `fidelity_by_class`; None for regression.
    slices : dict of str to DataFrame, default={}
        As `fidelity_by_slice`.
    kl_test : PairedTest or None, default=None
        The baseline's divergence from the teacher less the student's: positive where
        the student's probabilities are closer.
    cautions : tuple of str, default=()
        What a reader of the verdict must not overlook, in sentences.
    n_groups : int or None, default=None
        The groups that the intervals are over; None where rows are independent.
    constant_fidelity : float or None, default=None
        In (0, 1]: the fidelity of always deciding as the teacher decides most often;
        None for regression.
    origin : str or None, default=None
        What the first teacher of a chain is; None of no chain.
    """

    task: str
    n: int
    teacher: Scores
    student: Scores
    baseline: Scores | None = None
    accuracy_test: PairedTest | None = None
    fidelity_test: PairedTest | None = None
    by_class: pd.DataFrame | None = None
    slices: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    kl_test: PairedTest | None = None
    cautions: tuple[str, ...] = ()
    n_groups: int | None = None
    constant_fidelity: float | None = None
    origin: str | None = None

    @property
    def excess_fidelity(self) -> dict[str, Estimate | None]:
        """How much student and baseline reach of what is above a constant.

        (f - m) / (1 - m), with f the fidelity and m `constant_fidelity`, which is held
        at its value on these rows: 1 for full agreement, 0 for no more than a constant.
        None for regression, and where the teacher decides every row alike.
        """
        m = self.constant_fidelity
        models = {"student": self.student, "baseline": self.baseline}
        found: dict[str, Estimate | None] = dict.fromkeys(models)
        for name, scores in models.items():
            f = None if scores is None else scores.fidelity
            if f is not None and m is not None and m < 1:
                value, low, high = (
                    (end - m) / (1 - m) for end in (f.value, f.low, f.high)
                )
                found[name] = Estimate(value, low, high, f.n)
        return found

    @property
    def beside(self) -> tuple[str, ...]:
        """What belongs beside the fidelity, in sentences: what it is above, and whose.

        Of classes how much of it a constant would reach; of a chain how far all agree
        with the first teacher.
        """
        return tuple(filter(None, (self._above_constant(), self._of_chain())))

    @property
    def rows_text(self) -> str:
        """What it was measured on: "1,234 rows", "1,234 rows of 56 groups"."""
        return f"{counted(self.n, 'row')}{self.groups_text}"

    @property
    def groups_text(self) -> str:
        """What the rows belong to: " of 56 groups"; "" where they are independent."""
        return "" if self.n_groups is None else f" of {self.n_groups:,} groups"

    @property
    def accuracy_reduction(self) -> float | None:
        """Student against teacher, in percent; None without labels."""
        teacher, student = self.teacher.accuracy, self.student.accuracy
        if teacher is None or student is None or teacher.value <= 0:
            return None
        return accuracy_reduction(teacher.value, student.value)

    @property
    def accuracy_improvement(self) -> float | None:
        """Student against baseline, in percent; None without labels or baseline."""
        baseline = None if self.baseline is None else self.baseline.accuracy
        student = self.student.accuracy
        if baseline is None or student is None or baseline.value <= 0:
            return None
        return accuracy_improvement(baseline.value, student.value)

    @property
    def size_reduction(self) -> dict[str, float | None]:
        """Student against teacher, in percent: of "parameters", of "bytes"."""
        return {
            unit: None if pair is None else size_reduction(*pair)
            for unit, pair in self._sizes().items()
        }

    @property
    def distillation_score(self) -> dict[str, float | None]:
        """The score at alpha 0.5, by sizes in "parameters" and in "bytes"."""
        teacher, student = self.teacher.accuracy, self.student.accuracy
        if teacher is None or student is None or teacher.value <= 0:
            return dict.fromkeys(self._sizes())
        return {
            unit: None
            if pair is None
            else distillation_score(*pair, teacher.value, student.value)
            for unit, pair in self._sizes().items()
        }

    @property
    def verdict(self) -> str:
        """One sentence: whether distillation helped, with the numbers.

        What it helped are decisions; then comes how near the probabilities are to the
        teacher's, and how far the student stays from its teacher.
        """
        if self.baseline is None:
            return (
                "Whether distillation helped is not known, for there is no baseline "
                f"(the model was fitted without labels): on {self.rows_text} its "
                f"fidelity to the teacher is {self._text(self.student.fidelity)}"
                f"{self._first_teacher()}{self._against_teacher()}."
            )
        tests = {"accuracy": self.accuracy_test, "fidelity": self.fidelity_test}
        known = {name: test for name, test in tests.items() if test is not None}
        helped = [name for name, test in known.items() if test.direction > 0]
        hurt = [name for name, test in known.items() if test.direction < 0]
        if self.kl_test is not None and self.kl_test.direction < 0:
            hurt.append("probabilities")
        nothing = "made no significant difference"
        if self.kl_test is not None and self.kl_test.direction > 0:
            nothing += " to decisions"
        parts = [
            f"{verb} {' and '.join(names)}"
            for verb, names in (("helped", helped), ("hurt", hurt))
            if names
        ]
        compared = [self._compared(name, test) for name, test in known.items()]
        if "accuracy" not in known:
            compared.append("accuracy is not known without labels")
        return (
            f"Distillation {' but '.join(parts) or nothing}: "
            f"on {self.rows_text}, against the same student fitted to the labels "
            f"alone, {' and '.join(compared)}{self._probabilities()}"
            f"{self._distance()}."
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row a model.

        Returns
        -------
        DataFrame
            Rows teacher, student and, where there is one, baseline. Columns accuracy,
            fidelity, kl and r2, each followed by its _low and _high, then parameters
            and bytes; what is unknown is missing. Of a chain also origin_fidelity, with
            the first teacher.
        """
        chain = () if self.origin is None else ("origin_fidelity",)
        measures = ("accuracy", "fidelity", *chain, "kl", "r2")
        rows = {
            name: {**_estimate_cells(scores, *measures), **asdict(scores.size)}
            for name, scores in self._models().items()
        }
        frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")
        return frame.astype({"parameters": "Int64", "bytes": "Int64"})

    def to_text(self) -> pd.DataFrame:
        """Return one row a model, for reading.

        Returns
        -------
        DataFrame of str
            Rows as in `to_frame`; an estimate and its interval share a cell, and what
            is unknown is "-".
        """
        models = self._models().items()
        cells = {name: self._cells(scores) for name, scores in models}
        return pd.DataFrame.from_dict(cells, orient="index").rename_axis("model")

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values; what is unknown is None.

        Returns
        -------
        dict
            The measures by name.
        """
        tests = {
            "accuracy": self.accuracy_test,
            "fidelity": self.fidelity_test,
            "kl": self.kl_test,
        }
        return {
            "task": self.task,
            "n": self.n,
            "n_groups": self.n_groups,
            "verdict": self.verdict,
            "beside": list(self.beside),
            "cautions": list(self.cautions),
            "constant_fidelity": self.constant_fidelity,
            "excess_fidelity": {
                name: found and asdict(found)
                for name, found in self.excess_fidelity.items()
            },
            "origin": self.origin,
            "models": {name: asdict(scores) for name, scores in self._models().items()},
            "tests": {name: test and asdict(test) for name, test in tests.items()},
            "accuracy_reduction": self.accuracy_reduction,
            "accuracy_improvement": self.accuracy_improvement,
            "size_reduction": self.size_reduction,
            "distillation_score": self.distillation_score,
            "by_class": None if self.by_class is None else _records(self.by_class),
            "slices": {name: _records(frame) for name, frame in self.slices.items()},
        }

    def __str__(self) -> str:
        table = self.to_text().rename_axis(None).to_string()
        lines = [table, "", self.verdict, *self.beside, *self.cautions]
        scores = self.distillation_score
        for unit, reduction in self.size_reduction.items():
            if reduction is None:
                continue
            score = scores[unit]
            tail = "" if score is None else f", distillation score {score:.4f}"
            change = "smaller" if reduction >= 0 else "larger"
            lines.append(f"Size in {unit}: {abs(reduction):.1f}% {change}{tail}.")
        return "\n".join(lines)

    @property
    def _headline(self) -> str:
        return self.verdict

    def _repr_html_(self) -> str:
        table = self.to_text().reset_index()
        caption = f"On {self.rows_text}, with 95 % intervals"
        sentences = (self.verdict, *self.beside, *self.cautions)
        verdict = "".join(f"<p>{escape_html(text)}</p>" for text in sentences)
        return verdict + html_table(table, list(table.columns[1:]), caption)

    def _models(self) -> dict[str, Scores]:
        models = {"teacher": self.teacher, "student": self.student}
        return (
            models if self.baseline is None else {**models, "baseline": self.baseline}
        )

    def _sizes(self) -> dict[str, tuple[int, int] | None]:
        pairs = {
            unit: (getattr(self.teacher.size, unit), getattr(self.student.size, unit))
            for unit in ("parameters", "bytes")
        }
        return {u: p if p[0] and p[1] is not None else None for u, p in pairs.items()}

    def _text(self, estimate: Estimate | None, spec: str | None = None) -> str:
        spec = spec or (".3f" if self.task == "regression" else ".1%")
        return "-" if estimate is None else format(estimate, spec)

    def _value(self, estimate: Estimate) -> str:
        return f"{estimate.value:{'.3f' if self.task == 'regression' else '.1%'}}"

    def _cells(self, scores: Scores) -> dict[str, str]:
        sizes = asdict(scores.size).items()
        measured = " (R2)" if self.task == "regression" else ""
        first = self._text(scores.origin_fidelity)
        chain = {f"to the first teacher{measured}": first} if self.origin else {}
        return {
            f"accuracy{measured}": self._text(scores.accuracy),
            f"fidelity{measured}": self._text(scores.fidelity),
            **chain,
            "KL (nats)": self._text(scores.kl, ".3f"),
            "R2 of logits": self._text(scores.r2, ".3f"),
            **{unit: "-" if size is None else f"{size:,}" for unit, size in sizes},
        }

    def _above_constant(self) -> str:
        """Say how much of the fidelity is above that of a constant."""
        m, found = self.constant_fidelity, self.excess_fidelity
        if m is None:
            return ""
        if m == 1:
            return (
                "The teacher decides all of these rows alike: any constant is as "
                "faithful, so the fidelity tells nothing."
            )

        def points(share: Estimate) -> float:
            return 100 * -share.value * (1 - m)

        parts = [
            f"the {name} reaches {format(share, '.1%')} of what is above that"
            if share.value >= 0
            else f"the {name} stays {points(share):.1f} points below that"
            for name, share in found.items()
            if share is not None
        ]
        return (
            "Always deciding as the teacher decides most often would have a fidelity "
            f"of {m:.1%}; {', '.join(parts)}."
        )

    def _of_chain(self) -> str:
        """Say whose fidelity the figures are, where the teacher was taught itself."""
        if self.origin is None:
            return ""
        parts = [
            f"{name} {self._text(scores.origin_fidelity)}"
            for name, scores in self._models().items()
        ]
        measured = " (R2)" if self.task == "regression" else ""
        return (
            "The teacher is itself distilled, and fidelity is to it; the fidelity"
            f"{measured} to the first teacher, a {self.origin}, is: {', '.join(parts)}."
        )

    def _first_teacher(self) -> str:
        """Say the fidelity to the first teacher of a chain."""
        first = self.student.origin_fidelity
        if first is None:
            return ""
        return f" (to the first teacher of the chain: {self._text(first)})"

    def _against_teacher(self) -> str:
        teacher, student = self.teacher.accuracy, self.student.accuracy
        if teacher is None or student is None:
            return ""
        return (
            f", its accuracy {self._text(student)} against the teacher's "
            f"{self._value(teacher)}"
        )

    def _probabilities(self) -> str:
        """Say how near the probabilities are to the teacher's."""
        baseline, test = self.baseline, self.kl_test
        if test is None or baseline is None:
            return ""
        ours, theirs = self.student.kl, baseline.kl
        assert ours is not None
        assert theirs is not None
        words = {1: "significantly closer", -1: "significantly less close"}
        how = words.get(test.direction, "about as close")
        return (
            f"; its probabilities are {how} to those of the teacher "
            f"(KL {ours.value:.3f} against {theirs.value:.3f}, {test.p_text})"
        )

    def _distance(self) -> str:
        """Say how far the student stays from its teacher."""
        fidelity = self.student.fidelity
        if fidelity is None:
            return ""
        if self.task == "regression":
            left = f"{1 - fidelity.value:.3f} of the variance"
            text = f"; {left} of the teacher is not explained"
        else:
            differs = f"{1 - fidelity.value:.1%} of the rows"
            text = f"; it decides {differs} otherwise than the teacher"
        text += self._first_teacher()
        teacher, student = self.teacher.accuracy, self.student.accuracy
        if teacher is None or student is None:
            return text
        gap = student.value - teacher.value
        size = f"{abs(gap):.3f}" if self.task == "regression" else ""
        size = size or f"{100 * abs(gap):.1f} points"
        beside = "above" if gap > 0 else "below"
        where = f"{size} {beside} the" if gap else "equal to the"
        return f"{text}, with an accuracy {where} {self._value(teacher)} of the teacher"

    def _compared(self, name: str, test: PairedTest) -> str:
        ours, theirs = getattr(self.student, name), getattr(self.baseline, name)
        how = {1: "significantly higher", -1: "significantly lower"}
        measured = "accuracy" if name == "accuracy" else "fidelity to the teacher"
        if self.task == "regression":
            measured += " (R2)"
        return (
            f"{measured} is {how.get(test.direction, 'not significantly different')} "
            f"({self._value(ours)} against {self._value(theirs)}, {test.p_text})"
        )


def _estimate_cells(of: object, *names: str) -> dict[str, float]:
    """Return estimates and their intervals as cells of a table, NaN for None."""
    cells = {}
    for name in names:
        estimate = getattr(of, name) or Estimate(np.nan, np.nan, np.nan, 0)
        cells[name] = estimate.value
        cells[f"{name}_low"], cells[f"{name}_high"] = estimate.low, estimate.high
    return cells


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    plain = frame.astype(object).where(frame.notna(), None)
    return [{str(k): v for k, v in row.items()} for row in plain.to_dict("records")]
