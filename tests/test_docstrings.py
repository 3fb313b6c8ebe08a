"""Every public name is documented in numpydoc's form, parameter by parameter."""

import importlib
import inspect
import pkgutil

import pytest
from numpydoc.validate import validate

import interpretkd

# What numpydoc's checks say (its GL, SS, PR, RT, YD), less those of taste.
CHECKS = {
    *("GL01", "GL02", "GL03", "GL05", "GL06", "GL07", "GL08", "GL09", "GL10"),
    *("PR01", "PR02", "PR03", "PR04", "PR05", "PR06", "PR07", "PR10"),
    *("RT01", "RT03", "RT04", "SS01", "SS02", "SS03", "SS04", "YD01"),
}


def public_names():
    """Yield what has no underscore, in the files where it is defined."""
    for module in pkgutil.walk_packages(interpretkd.__path__, "interpretkd."):
        if module.name.startswith("interpretkd.cli"):
            continue  # what a command says of itself is its help
        for name, thing in vars(importlib.import_module(module.name)).items():
            own = getattr(thing, "__module__", None) == module.name
            if name.startswith("_") or not own:
                continue
            yield f"{module.name}.{name}"
            if inspect.isclass(thing):
                for method, value in vars(thing).items():
                    inherited = method in ("forward",)
                    if callable(value) and not method.startswith("_") and not inherited:
                        yield f"{module.name}.{name}.{method}"


NAMES = sorted(public_names())


def test_there_are_names():
    assert "interpretkd.metrics._agreement.fidelity" in NAMES
    assert "interpretkd.distillation._classifier.DistilledClassifier.fit" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_docstring(name):
    thing = pkgutil.resolve_name(name)
    if not callable(thing):
        assert inspect.getdoc(thing) or not inspect.isroutine(thing)
        return
    # A protocol is never made: its parameters are those that `typing` gives it.
    checks = CHECKS - {"PR01"} if getattr(thing, "_is_protocol", False) else CHECKS
    found = [f"{c}: {text}" for c, text in validate(name)["errors"] if c in checks]
    assert not found
