"""What a process does when the one that began it has ended, however it did."""

from collections.abc import Callable
from multiprocessing import parent_process
from threading import Thread


def when_parent_ends(act: Callable[[], object]) -> None:
    """Act then, in a thread of its own; never in a process that nobody of ours began."""
    parent = parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        act()

    Thread(target=wait, daemon=True).start()
