"""The page about tuning: from what was asked to the operating point."""
