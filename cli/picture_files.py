"""The picture files that commands write."""

from pathlib import Path

FORMATS = {".png": "png", ".svg": "svg"}


def picture_format(option: str, path: Path) -> str:
    """`png` or `svg`, by the ending of the file that an option names. Raises ConfigError for another one."""
    from ..errors import ConfigError

    if (ending := path.suffix.lower()) not in FORMATS:
        raise ConfigError(f"{option} {path}: pictures are .png or .svg; give the file one of these endings.")
    return FORMATS[ending]
