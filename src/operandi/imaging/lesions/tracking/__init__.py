"""Lesions under one identity over all visits and modalities."""
