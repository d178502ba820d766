"""The tables of a study: read from files, validated row by row, frozen and written."""
