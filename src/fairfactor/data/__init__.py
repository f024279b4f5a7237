"""Data sets, and the step from a table to network inputs, labels and groups; needs pandas."""
