"""Radiomics after the Image Biomarker Standardisation Initiative (IBSI)."""
