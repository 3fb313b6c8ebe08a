"""The engine of linear students: solvers, path, points."""
