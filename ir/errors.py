"""Every failure that a user can cause: what happened, where, and what to do about it."""

from __future__ import annotations


class LitegoldError(Exception):
    """Base of all errors of this package that stem from input, not from a defect of ours."""


class FormatError(LitegoldError):
    """A model file is damaged, hostile or outside of its format's rules."""


class UnsupportedError(LitegoldError):
    """The request is legal, but this package has no implementation for it."""


class InputError(LitegoldError):
    """A value given by the caller has the wrong shape, type, name or range."""


class RunError(LitegoldError):
    """A value that arose while a network ran is out of range (an index, a divisor, ...)."""


class ConstraintError(LitegoldError):
    """A labelled constraint of an operator does not hold."""

    def __init__(self, label: str, reason: str) -> None:
        super().__init__(f"({label}) {reason}")
        self.label, self.reason = label, reason


class ValueNeededError(LitegoldError):
    """A shape rule needs the value of a tensor that is not known yet."""


def require(label: str, holds: bool, reason: str) -> None:
    """Raise constraint `label` of the operator at hand, unless it `holds`."""
    if not holds:
        raise ConstraintError(label, reason)
