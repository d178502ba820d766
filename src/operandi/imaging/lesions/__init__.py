"""Lesions on SUV volumes: reference regions, segmentation above a threshold, measurements."""
