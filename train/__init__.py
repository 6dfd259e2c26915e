"""Training: gradients, losses, optimizers, sessions, model builders."""
