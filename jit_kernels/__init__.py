"""CPU kernels, compiled by Numba, and how they are found, compiled and kept."""
