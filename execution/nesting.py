"""How deep lists and objects stand in each other."""

from collections.abc import Callable, Iterable


def is_deeper(value: object, most: int, inside: Callable[[object], Iterable[object]]) -> bool:
    """Whether there are more than `most` levels; `inside` gives what stands in one, and nothing for
    what has no level of its own.
    """
    level = [value]
    for _ in range(most):
        level = [inner for outer in level for inner in inside(outer)]
        if not level:
            return False
    return True
