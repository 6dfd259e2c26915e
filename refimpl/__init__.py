"""The operators: one NumPy function each, which is its specification. A module a family."""
