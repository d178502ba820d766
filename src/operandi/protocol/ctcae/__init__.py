"""CTCAE grades of laboratory values, from tables that are data."""
