"""GPU kernels, written in the style of OpenCL."""
