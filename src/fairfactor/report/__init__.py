"""The report: one self-contained HTML page about a run."""

from __future__ import annotations

from fairfactor.report.page import render_report

__all__ = ["render_report"]
