"""The page that compares the models that several runs keep."""
