"""Lesions that a reader edited elsewhere, come back as a new version. See decision 0036."""
