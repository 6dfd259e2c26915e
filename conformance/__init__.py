"""Judging: what is drawn, second oracles, error bounds, other engines."""
