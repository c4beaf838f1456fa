"""Tuning: search over schedules, measured through sessions, kept as records that compilation applies."""
