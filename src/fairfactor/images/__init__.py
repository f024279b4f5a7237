"""Image files: where they are, what they are called, and their pixels."""
