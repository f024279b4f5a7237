"""The report: one self-contained HTML page about a run, and the card of the model that it keeps."""

from __future__ import annotations

from fairfactor.report.card import render_card
from fairfactor.report.page import render_report

__all__ = ["render_card", "render_report"]
