"""Where organs lie on a PET: a working grid, the liver, and what is placed by it."""
