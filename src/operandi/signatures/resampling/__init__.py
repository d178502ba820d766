"""Resampling in which nothing learned has seen what it is judged on."""
