"""Data sets of short texts with groups: a room of its own, one module per data set."""
