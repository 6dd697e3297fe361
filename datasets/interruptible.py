"""Calls of libraries that run for long without looking at signals, made so that Ctrl-C still ends the command at once."""

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE = 0.1
"""Seconds between two looks at signals."""


def interruptible(call: Callable[[], T]) -> T:
    """What `call` returns or raises, made in a thread of its own while the main thread waits for signals.

    Python handles signals in the main thread alone, between two of its own instructions, so a library that the main thread has called
    keeps it from them. After an interrupt the call is left to itself; the thread does not keep the process from ending.
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
