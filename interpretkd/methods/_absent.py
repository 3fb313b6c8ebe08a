"""What stands in a loaded model for a method of one's own: a run holds no code."""

from interpretkd._base import InputError
from interpretkd.methods._scheme import Scheme
from interpretkd.methods._step import Step


class AbsentStep(Step):
    """Stands for a step that was not saved with a run: a user's own, or a function.

    Parameters
    ----------
    sentence : str
        What it did.
    slot : {"transfer", "replies", "weights", "hints"}
        The parameter in which it stood.
    """

    def __init__(self, sentence: str, slot: str) -> None:
        self.sentence = sentence
        self.slot = slot

    def check(self) -> None:
        """Say that the step is not there.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError(_not_there(self.sentence, "step", self.slot))

    def __str__(self) -> str:
        """Say what it did."""
        return self.sentence


class AbsentScheme(Scheme):
    """Stands for a scheme of one's own that was not saved with a run.

    Parameters
    ----------
    sentence : str
        What it did.
    """

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence

    def check(self) -> None:
        """Say that the scheme is not there.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError(_not_there(self.sentence, "scheme", "scheme"))

    def __str__(self) -> str:
        """Say what it did."""
        return self.sentence


def _not_there(sentence: str, kind: str, slot: str) -> str:
    return (
        f"The {kind} {sentence!r} was not saved with its run, which holds no code: "
        f"give it again with set_params({slot}=...) before fit."
    )
