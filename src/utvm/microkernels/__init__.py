"""Functions in C or assembly that kernels call in their innermost loops."""
