"""Networks that fairfactor can build by name."""
