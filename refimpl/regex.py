"""Regular expressions as automata: all states are followed at once, so that no pattern takes exponential time."""

from __future__ import annotations

import functools
import re
import re._constants as code  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from ..ir import InputError

MAX_STATES: Final = 20_000

Test = Callable[[str], bool]  # of one character
Where = Callable[[str, int], bool]  # of a place in the text: what stands there decides


@dataclass
class _Automaton:
    """States with edges: on a character, or on nothing, perhaps only at some places."""

    steps: list[list[tuple[Test, int]]] = field(default_factory=list)
    free: list[list[tuple[Where | None, int]]] = field(default_factory=list)

    def state(self) -> int:
        if len(self.steps) >= MAX_STATES:
            raise InputError(f"the pattern needs more than {MAX_STATES} states")
        self.steps.append([])
        self.free.append([])
        return len(self.steps) - 1

    def reach(self, states: Iterable[int], text: str, at: int) -> set[int]:
        """Return the states that are reached on nothing."""
        found, waiting = set(states), list(states)
        while waiting:
            for where, state in self.free[waiting.pop()]:
                if state not in found and (where is None or where(text, at)):
                    found.add(state)
                    waiting.append(state)
        return found

    def matches(self, text: str, first: int, last: int) -> bool:
        here = self.reach({first}, text, 0)
        for i, character in enumerate(text):
            onward = {state for s in here for test, state in self.steps[s] if test(character)}
            here = self.reach(onward, text, i + 1)
        return last in here


@functools.lru_cache(64)
def compiled(pattern: str) -> Callable[[str], bool]:
    """Return the function that tells whether a text is matched as a whole."""
    try:
        tree = parser.parse(pattern, re.ASCII)
    except (re.error, RecursionError, OverflowError) as error:
        raise InputError(f"regular expression {pattern!r}: {error}") from None
    _refuse_flags(pattern, tree.state.flags & ~re.ASCII)
    automaton = _Automaton()
    first = automaton.state()
    last = _follow(automaton, tree, first, pattern)
    return lambda text: automaton.matches(text, first, last)


def _refuse_flags(pattern: str, flags: int) -> None:
    if flags:
        raise InputError(f"regular expression {pattern!r}: flags are not supported")


def _follow(a: _Automaton, tree: Iterable[Any], start: int, pattern: str) -> int:
    """Enter what one part after the other matches; return the state behind it."""
    for kind, value in tree:
        if kind in _PARTS:
            start = _PARTS[kind](a, value, start, pattern)
        else:
            end = a.state()
            a.steps[start].append((_test(kind, value, pattern), end))
            start = end
    return start


def _branch(a: _Automaton, value: Any, start: int, pattern: str) -> int:
    end = a.state()
    for option in value[1]:
        first = a.state()
        a.free[start].append((None, first))
        a.free[_follow(a, option, first, pattern)].append((None, end))
    return end


def _repeat(a: _Automaton, value: Any, start: int, pattern: str) -> int:
    least, most, part = value
    for _ in range(least):
        start = _follow(a, part, start, pattern)
    if most is code.MAXREPEAT:
        begin, end = a.state(), a.state()
        a.free[start].append((None, begin))
        a.free[_follow(a, part, begin, pattern)].append((None, begin))
        a.free[begin].append((None, end))
        return end
    end = a.state()
    for _ in range(most - least):
        a.free[start].append((None, end))
        start = _follow(a, part, start, pattern)
    a.free[start].append((None, end))
    return end


def _group(a: _Automaton, value: Any, start: int, pattern: str) -> int:
    _refuse_flags(pattern, value[1] | value[2])
    return _follow(a, value[-1], start, pattern)


def _at(a: _Automaton, value: Any, start: int, pattern: str) -> int:
    if value not in _PLACES:
        raise InputError(f"regular expression {pattern!r}: {value}")
    end = a.state()
    a.free[start].append((_PLACES[value], end))
    return end


def _word(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "_")


def _edge(text: str, at: int) -> bool:
    before = at > 0 and _word(text[at - 1])
    return before != (at < len(text) and _word(text[at]))


_PARTS: Final[dict[Any, Callable[[_Automaton, Any, int, str], int]]] = {
    code.BRANCH: _branch,
    code.MAX_REPEAT: _repeat,
    code.MIN_REPEAT: _repeat,
    code.SUBPATTERN: _group,
    code.AT: _at,
}
_PLACES: Final[dict[Any, Where]] = {
    code.AT_BEGINNING: lambda text, at: at == 0,
    code.AT_BEGINNING_STRING: lambda text, at: at == 0,
    code.AT_END: lambda text, at: at == len(text),
    code.AT_END_STRING: lambda text, at: at == len(text),
    code.AT_BOUNDARY: _edge,
    code.AT_NON_BOUNDARY: lambda text, at: not _edge(text, at),
}
_KINDS: Final[dict[Any, Test]] = {
    code.CATEGORY_DIGIT: lambda c: "0" <= c <= "9",
    code.CATEGORY_NOT_DIGIT: lambda c: not "0" <= c <= "9",
    code.CATEGORY_SPACE: lambda c: c in " \t\n\r\f\v",
    code.CATEGORY_NOT_SPACE: lambda c: c not in " \t\n\r\f\v",
    code.CATEGORY_WORD: _word,
    code.CATEGORY_NOT_WORD: lambda c: not _word(c),
}


def _test(kind: Any, value: Any, pattern: str) -> Test:
    """Return what one part asks of a character."""
    if kind is code.LITERAL:
        return lambda c: ord(c) == value
    if kind is code.NOT_LITERAL:
        return lambda c: ord(c) != value
    if kind is code.ANY:
        return lambda c: c != "\n"
    if kind is code.RANGE:
        return lambda c: value[0] <= ord(c) <= value[1]
    if kind is code.CATEGORY and value in _KINDS:
        return _KINDS[value]
    if kind is code.IN:
        negative = value[0][0] is code.NEGATE
        tests = [_test(k, v, pattern) for k, v in value[negative:]]
        return lambda c: any(t(c) for t in tests) != negative
    raise InputError(f"regular expression {pattern!r}: {kind} is not supported")
