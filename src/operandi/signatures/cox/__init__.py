"""Proportional hazards: the fit, its tests, its penalized paths, and paths scored on other rows."""
