"""TensorFlow Lite models: reader, writer, and the operators in both directions."""
