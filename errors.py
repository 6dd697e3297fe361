"""Errors that are reported to the user in one paragraph.

    UserError               reported in one paragraph, without a traceback
    ├── ConfigError         a recipe that cannot be read, or that makes no sense
    ├── DataError           a data file that is missing, malformed or not matching its checksum
    ├── RunError            a run directory that is missing, damaged or does not fit
    │   └── TakenError      a run that another process trains, or has trained meanwhile
    ├── DeviceError         a device that is not there, or has too little memory or disk
    ├── TrainingError       training that cannot continue, such as a loss that is not finite
    └── MissingExtraError   an optional dependency that is not installed
"""

from typing import ClassVar


class UserError(Exception):
    """Says what is wrong, where, and what to do; the command prints it and ends with `exit_code`."""

    exit_code: ClassVar[int] = 2


class ConfigError(UserError):
    """A recipe that cannot be read, or that makes no sense."""


class DataError(UserError):
    """A data file that is missing, malformed or not matching its checksum."""


class RunError(UserError):
    """A run directory that is missing, damaged or does not fit."""


class TakenError(RunError):
    """A run that another process trains, or has trained meanwhile."""


class DeviceError(UserError):
    """A device that is not there, or has too little memory or disk."""


class TrainingError(UserError):
    """Training that cannot continue, such as a loss that is not finite."""

    exit_code: ClassVar[int] = 1


class MissingExtraError(UserError):
    """An optional dependency that is not installed; the message names the extra."""


class Preempted(SystemExit):
    """A scheduler ends the process (SIGTERM, SIGUSR1); the same command, run again, goes on where it stopped."""
