"""Does the paper reproduce? One study for each of its tables and figures, and for what it lacks."""
