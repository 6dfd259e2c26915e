"""Engines that are timed beside ours, in this process: one file an engine."""
