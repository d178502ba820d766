"""Judgment: discrimination, calibration, benefit, and how sure 80 participants let us be."""
