"""Faults put into references, rules and kernels, to see whether the drawn cases and the judge find them."""
