"""Processor time, told as a quiet machine of the usual speed would need it."""

import time
from collections.abc import Callable

# What the yardstick took on the machine for which bounds are set, when it was quiet.
USUAL_SECONDS = 0.007


def _yardstick() -> float:
    """Seconds of a work that, as what is measured does, makes and looks at many small objects."""
    start = time.thread_time()
    made = {str(number): [number] for number in range(30_000)}
    sum(len(one) for one in made.values())
    return time.thread_time() - start


def processor_seconds(work: Callable[[], object]) -> float:
    """The quickest of three, each beside the yardstick: other machines and busy ones are slower."""
    taken = []
    for _ in range(3):
        before = _yardstick()
        start = time.thread_time()
        work()
        spent = time.thread_time() - start
        slowness = (before + _yardstick()) / 2 / USUAL_SECONDS
        taken.append(spent / max(1, slowness))
    return min(taken)
