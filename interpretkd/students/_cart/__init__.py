"""The tree engine: bins, growing, refinement, optimal search, pruning."""
