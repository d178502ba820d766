"""PET: from stored units to activity concentration and standardized uptake values."""
