"""Adapters of other engines."""
