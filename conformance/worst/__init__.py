"""Inputs made so that an order of additions uses up a good part of what an envelope allows, for any number of terms."""
