"""The studies, one module each: the cells to run, how one runs, how they become a table."""
