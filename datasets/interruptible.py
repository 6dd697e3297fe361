"""Runs long library calls that do not check for signals, so that Ctrl-C still ends the command at once."""

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE = 0.1
"""Seconds between checks for signals."""


def interruptible(call: Callable[[], T]) -> T:
    """Run `call` in a separate thread while the main thread waits for signals; returns or raises what `call` does.

    Python handles signals only in the main thread, between bytecode instructions, so a library call in the main thread delays them.
    After an interrupt the call keeps running in its daemon thread, which does not keep the process from ending.
    """
    if threading.current_thread() is not threading.main_thread():
        return call()
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(PAUSE)
    if errors:
        raise errors[0]
    return results[0]
