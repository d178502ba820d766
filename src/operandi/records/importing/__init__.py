"""Tables of other systems: read with everything they say, and placed into the tables of a study."""
