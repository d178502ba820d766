"""Survival and prediction, from frozen tables only: signatures that survive honest validation."""
