"""Running networks: the reference interpreter, and plans of compiled kernels."""
