"""The JTAG door: a scan chain with an Arm debug port, as OpenOCD knows it from real chips."""
