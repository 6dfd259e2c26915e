"""Operators computed in float32 as a plain kernel would, in a given order of additions: what bounds have to allow."""
