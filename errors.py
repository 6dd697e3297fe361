"""Errors that are reported to the user in one paragraph.

    UserError               reported in one paragraph, without a traceback
    ├── ConfigError         a recipe that cannot be read or is invalid
    ├── DataError           a data file that is missing or malformed, or does not match its checksum
    ├── RunError            a run directory that is missing, damaged or incompatible
    │   └── TakenError      a run that another process is training, or has finished
    ├── DeviceError         a device that is absent, or has too little memory or disk space
    ├── TrainingError       training that cannot continue, such as after a non-finite loss
    └── MissingExtraError   an optional dependency that is not installed
"""

from typing import ClassVar


class UserError(Exception):
    """Its message says what is wrong, where, and what to do; the command prints it and exits with `exit_code`."""

    exit_code: ClassVar[int] = 2


class ConfigError(UserError):
    """A recipe that cannot be read or is invalid."""


class DataError(UserError):
    """A data file that is missing or malformed, or does not match its checksum."""


class RunError(UserError):
    """A run directory that is missing, damaged or incompatible."""


class TakenError(RunError):
    """A run that another process is training, or has finished."""


class DeviceError(UserError):
    """A device that is absent, or has too little memory or disk space."""


class TrainingError(UserError):
    """Training that cannot continue, such as after a non-finite loss."""

    exit_code: ClassVar[int] = 1


class MissingExtraError(UserError):
    """An optional dependency that is not installed; the message names the extra."""


class Preempted(SystemExit):
    """A scheduler stops the process (SIGTERM, SIGUSR1); running the same command again resumes it."""
