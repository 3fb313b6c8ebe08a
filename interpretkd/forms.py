"""What a student becomes."""

from typing import TypeAlias

from interpretkd.forests import Forest
from interpretkd.linear_model import Linear
from interpretkd.trees import Tree

__all__ = ["Form"]


Form: TypeAlias = Tree | Forest | Linear
