"""``python -m fairfactor`` is the command line."""

from __future__ import annotations

from fairfactor.cli import main

if __name__ == "__main__":
    main()
