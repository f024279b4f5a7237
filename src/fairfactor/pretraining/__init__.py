"""A network for images that is trained from the start, on another task than the one to come."""
