"""Running programs on boards."""
