"""Microkernels of the integer vector instructions of Armv8.1-M (MVE, Helium)."""
