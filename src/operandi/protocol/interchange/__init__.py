"""Studies and their data as other systems write and read them: registry records and CDISC."""
