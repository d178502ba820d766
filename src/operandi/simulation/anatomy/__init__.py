"""A body as shapes, and where its lesions lie."""
