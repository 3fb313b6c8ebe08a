"""A neural network in, a small model that people can read out.

The root is empty on purpose: ``import interpretkd`` costs nothing. Import from the
modules, e.g. ``from interpretkd.distillation import DistilledClassifier``.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
