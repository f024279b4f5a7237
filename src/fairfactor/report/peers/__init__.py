"""The page that compares with other methods."""
