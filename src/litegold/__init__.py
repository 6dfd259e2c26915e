"""litegold: the executable specification of on-device inference, quantization and training."""

__version__ = "0.1.0"
