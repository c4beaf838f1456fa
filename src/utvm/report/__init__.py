"""What to say about a program and its runs: data first, then text and JSON of the data."""
