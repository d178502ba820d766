"""Convolutional filters after IBSI 2, each a settings record and a function."""
