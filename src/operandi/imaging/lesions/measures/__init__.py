"""What is measured of lesions: uptake, size, diffusion, and what a physician reads from them."""
