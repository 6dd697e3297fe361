"""The picture files that commands write."""

from pathlib import Path

FORMATS = {".png": "png", ".svg": "svg"}


def picture_format(option: str, path: Path) -> str:
    """`png` or `svg`, from the ending of the file that an option names. Raises ConfigError for other endings."""
    from ..errors import ConfigError

    if (ending := path.suffix.lower()) not in FORMATS:
        raise ConfigError(f"{option} {path}: the file name must end in .png or .svg.")
    return FORMATS[ending]
