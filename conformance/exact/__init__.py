"""The second oracles: Python integers, fractions and 50-digit reals, one cell at a time."""
