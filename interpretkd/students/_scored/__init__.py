"""Trees of scores: their columns, the search of one test, of the tree, the student."""
