"""Makes `date_forms.json`, how 30 languages write dates, from the package babel 2.18 (Unicode CLDR).

    python scripts/make_dates.py
"""

import datetime
import json
from collections.abc import Mapping, Sequence
from typing import Any

from nlp.datasets.named.dates import EXAMPLES, FORMS, NUMBERS
from nlp.datasets.named.shipped import SHIPPED

# Languages with the Gregorian calendar and the digits 0 to 9, so that the ISO form can be spelled from the text.
LOCALES: Mapping[str, str] = {
    "Basque": "eu", "Bulgarian": "bg", "Catalan": "ca", "Chinese": "zh", "Croatian": "hr", "Czech": "cs", "Danish": "da", "Dutch": "nl",
    "English": "en", "Finnish": "fi", "French": "fr", "German": "de", "Greek": "el", "Hungarian": "hu", "Indonesian": "id",
    "Italian": "it", "Japanese": "ja", "Korean": "ko", "Latvian": "lv", "Lithuanian": "lt", "Norwegian": "nb", "Polish": "pl",
    "Portuguese": "pt", "Romanian": "ro", "Russian": "ru", "Spanish": "es", "Swedish": "sv", "Turkish": "tr", "Ukrainian": "uk",
    "Vietnamese": "vi",
}
PARTS = {"y": "year", "M": "month", "L": "month", "d": "day", "E": "weekday", "c": "weekday"}
"""The part of a date that a letter in babel's patterns means; its repetitions give the way it is written."""


def language(locale_name: str) -> dict[str, Any]:
    """The patterns of a language's four forms, and the text of each field of them for every value, in the order of `EXAMPLES`."""
    from babel import Locale
    from babel.dates import tokenize_pattern

    locale = Locale.parse(locale_name)
    patterns = {form: [_piece(kind, value) for kind, value in tokenize_pattern(locale.date_formats[form].pattern)] for form in FORMS}
    fields = {field: part for pattern in patterns.values() for field, part in pattern if part is not None}
    return {"patterns": patterns, "fields": {field: _texts(field, part, locale) for field, part in fields.items()}}


def _piece(kind: str, value: Any) -> Sequence[str | None]:
    """Literal text and None, or a field such as MMMM and its part."""
    return [str(value), None] if kind == "chars" else [value[0] * int(value[1]), PARTS[value[0]]]


def _texts(field: str, part: str, locale: Any) -> list[str]:
    from babel.dates import DateTimeFormat

    days: Sequence[datetime.date] = sorted(EXAMPLES[part], key=NUMBERS[part])
    return [DateTimeFormat(day, locale)[field] for day in days]


def content() -> bytes:
    """The content of `date_forms.json`."""
    forms = {name: language(locale) for name, locale in LOCALES.items()}
    return (json.dumps(forms, ensure_ascii=False, indent=0, separators=(",", ":")) + "\n").encode("utf-8")


def main() -> None:
    """Write the file."""
    (SHIPPED / "date_forms.json").write_bytes(content())
    print(f"{len(LOCALES)} languages")


if __name__ == "__main__":
    main()
