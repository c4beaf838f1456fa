"""Schedules that a search over TIR found, replayed: blocks made of a portable kernel, transformed as a trace says."""
