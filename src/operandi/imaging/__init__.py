"""Images: volumes in, measurements out."""
