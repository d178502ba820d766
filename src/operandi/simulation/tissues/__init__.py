"""What scanners see of tissues and lesions."""
