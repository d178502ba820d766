"""Each part of what is analyzed, from the tables that it stands in."""
