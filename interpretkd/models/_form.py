"""What a student becomes."""

from typing import TypeAlias

from interpretkd.models._forest import Forest
from interpretkd.models._linear import Linear
from interpretkd.models._tree import Tree

Form: TypeAlias = Tree | Forest | Linear
