"""The study's report as one self-contained page: its plain data, its pictures, its HTML."""
