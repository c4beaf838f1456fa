"""Validation of the virtual board's timing models against published hardware figures; see docs/timing.md."""
