"""What a radionuclide therapy does: kinetics, absorbed dose, its effect, and what changes it."""
