"""JSON values, and an index over growing sets of strings."""
