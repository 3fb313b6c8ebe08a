"""What only a person can say of a model: the free sections of its report."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interpretkd._base import InputError, closest

NOT_PROVIDED = "NOT PROVIDED"
"""What a free section says until somebody fills it."""

INFO = {
    "title": "The title of the report",
    "author": "Who made it",
    "owner": "Who answers for the model",
    "status": "draft, under review or validated",
    "purpose": "What the model is for",
    "intended_use": "Who may use it, for what decisions",
    "out_of_scope": "What it must not be used for",
    "teacher": "What the teacher is, who made it, how it was validated",
    "data": "Where the rows come from and what is known to be wrong with them",
    "assumptions": "What has to hold for the figures to mean something",
    "findings": "What the reviewer found",
    "monitoring": "What is watched in use, and when the model is taken back",
}
"""The free sections, by the key that fills them."""


def read_info(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read what a person has to say, from a YAML file.

    Parameters
    ----------
    path : str or path
        A mapping of the keys that `INFO` lists to texts, or lists of texts.

    Returns
    -------
    dict of str to str
        The texts.

    Raises
    ------
    InputError
        For what is no such mapping.
    """
    import yaml

    name = Path(path).name
    content = Path(path).read_bytes()
    if len(content) > 1_000_000:
        raise InputError(f"The file {name!r} has {len(content):,} bytes, not a text.")
    try:
        values = yaml.load(content.decode(), Loader=_plain_loader())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        raise InputError(f"The file {name!r} is not readable YAML: {said}.") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError(f"The file {name!r} must map keys to texts.")
    return _check_info(values, name)


def _check_info(values: Mapping[Any, Any], name: str) -> dict[str, str]:
    """Take what a person said, if the keys are known and the values are texts."""
    found = {}
    for key, value in values.items():
        if key not in INFO:
            raise InputError(
                f"{name!r} has an unknown key {key!r}.{closest(str(key), INFO)} Known "
                f"are {', '.join(INFO)}."
            )
        items = value if isinstance(value, list) else [value]
        if not all(isinstance(item, str | int | float) for item in items):
            raise InputError(
                f"{name!r}: {key!r} must be a text or a list of texts. Got {value!r}."
            )
        found[key] = "; ".join(str(item).strip() for item in items)
    return found


def _plain_loader() -> Any:
    """Return a YAML reader without aliases, which can make a few bytes gigabytes."""
    import yaml

    class Plain(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("aliases are not read")
            return super().compose_node(parent, index)

    # Dates and the like stay the text that they are.
    Plain.yaml_implicit_resolvers = {}
    return Plain
