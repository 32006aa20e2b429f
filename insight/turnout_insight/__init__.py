"""Insight: reports, ROI, plan, estate audit and console."""
