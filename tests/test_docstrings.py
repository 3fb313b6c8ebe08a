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
    for module in pkgutil.iter_modules(interpretkd.__path__):
        if module.name.startswith("_") or module.name == "cli":
            continue
        path = f"interpretkd.{module.name}"
        loaded = importlib.import_module(path)
        for name in loaded.__all__:
            thing = getattr(loaded, name)
            if getattr(thing, "__module__", None) != path:
                continue
            yield f"{path}.{name}"
            if inspect.isclass(thing):
                for method, value in vars(thing).items():
                    inherited = method in ("forward",)
                    if callable(value) and not method.startswith("_") and not inherited:
                        yield f"{path}.{name}.{method}"


NAMES = sorted(public_names())


def test_there_are_names():
    assert "interpretkd.metrics.fidelity" in NAMES
    assert "interpretkd.distillation.DistilledClassifier.fit" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_docstring(name):
    thing = importlib.import_module(".".join(name.split(".")[:2]))
    for part in name.split(".")[2:]:
        thing = getattr(thing, part)
    if not callable(thing):
        assert inspect.getdoc(thing) or not inspect.isroutine(thing)
        return
    found = [f"{c}: {text}" for c, text in validate(name)["errors"] if c in CHECKS]
    assert not found
