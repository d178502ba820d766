"""Kinds of number with one canonical unit each, radionuclides, decay and unit conversion."""
