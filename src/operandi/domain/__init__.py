"""The nouns shared by all rooms: frozen values without files or network."""
