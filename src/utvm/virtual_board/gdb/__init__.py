"""The GDB remote protocol: a door to any DebugTarget."""
