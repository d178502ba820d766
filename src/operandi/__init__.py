"""Operandi: from PET-MRI, tables and variants to traceable measurements of a therapy trial."""

__version__ = "0.1.0"
