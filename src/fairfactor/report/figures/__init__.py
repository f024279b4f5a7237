"""Figures for papers: the charts of the report as files of their own."""
