"""Quantized arithmetic: fixed-point functions, dialects, and the integer rules of the operators."""
