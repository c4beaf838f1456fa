"""Reports as text: tables by rich, one file per report."""
