"""The dataset `names`: surnames and their language, made from the lists of the package `faker`; nothing is downloaded.

A surname is taken from the country where its language is at home, since lists from abroad mix languages (there are Flemish
names on the Belgian list of French). It is left out where any list, from abroad too, has it under another language. A language
needs `FEWEST` surnames of its own to be in.
"""

import importlib
import importlib.metadata
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from ..files import sha256
from ..splits import split_by_content
from ..tables import Dataset, Table

FEWEST = 250
EXPECTED = "3e0a9fbec5bc653c61fe8bdcbe482711075f8f24914929399f465797e4055d42"
"""SHA-256 of the names and languages that the figures in the docs were measured on."""


@dataclass(frozen=True)
class Surnames:
    """One list of faker's: its locale, the attribute that holds it, the ending that faker adds to each entry."""

    locale: str
    attribute: str = "last_names"
    ending: str = ""
    home: bool = True


@dataclass(frozen=True)
class Collected:
    """Language by surname, and how many surnames of the same lists were left out because they stand under several languages."""

    languages: Mapping[str, str]
    left_out: int

    @property
    def sha256(self) -> str:
        return sha256("".join(f"{name}\t{language}\n" for name, language in self.languages.items()).encode("utf-8"))


def _abroad(locale: str) -> Surnames:
    return Surnames(locale, home=False)


# Languages in Latin script. Of masculine and feminine forms the masculine alone: the other is the same surname again.
LISTS: Mapping[str, tuple[Surnames, ...]] = {
    "Azerbaijani": (Surnames("az_AZ", "last_names_male"), Surnames("az_AZ", "last_names_unisex")),
    "Croatian": (Surnames("hr_HR"),),
    "Czech": (Surnames("cs_CZ", "last_names_male"),),
    "Danish": (Surnames("da_DK"),),
    "Dutch": (Surnames("nl_NL"), _abroad("nl_BE")),
    "English": (Surnames("en_GB"), _abroad("en_IE"), _abroad("en_NZ"), _abroad("en_US")),
    "Estonian": (Surnames("et_EE", "last_names_est"),),
    "Finnish": (Surnames("fi_FI"),),
    "French": (Surnames("fr_FR"), _abroad("fr_BE"), _abroad("fr_CA"), _abroad("fr_CH")),
    "German": (Surnames("de_DE"), _abroad("de_AT"), _abroad("de_CH"), _abroad("de_LI")),
    "Hungarian": (Surnames("hu_HU"),),
    "Icelandic": (Surnames("is_IS", "last_names_without_suffix", ending="son"),),
    "Indonesian": (Surnames("id_ID", "last_names_male"),),
    "Irish": (Surnames("ga_IE"),),
    "Italian": (Surnames("it_IT"),),
    "Latvian": (Surnames("lv_LV", "last_names_male"), Surnames("lv_LV", "last_names_nonbinary")),
    "Lithuanian": (Surnames("lt_LT"),),
    "Norwegian": (Surnames("no_NO"),),
    "Polish": (Surnames("pl_PL", "unisex_last_names"), Surnames("pl_PL", "male_last_names")),
    "Portuguese": (Surnames("pt_PT"), _abroad("pt_BR")),
    "Romanian": (Surnames("ro_RO"),),
    "Slovak": (Surnames("sk_SK", "last_names_male"),),
    "Slovenian": (Surnames("sl_SI"),),
    "Spanish": (Surnames("es_ES"), _abroad("es_AR"), _abroad("es_CL"), _abroad("es_CO"), _abroad("es_MX")),
    "Swahili": (Surnames("sw"),),
    "Swedish": (Surnames("sv_SE"),),
    "Turkish": (Surnames("tr_TR"),),
    "Twi": (Surnames("tw_GH"),),
    "Uzbek": (Surnames("uz_UZ", "last_names_male"),),
    "Vietnamese": (Surnames("vi_VN"),),
    "Yoruba": (Surnames("yo_NG"),),
    "Zulu": (Surnames("zu_ZA"),),
}


def read_names() -> Dataset:
    """Columns name and language, split by content; a notice where another version of faker gives other surnames."""
    collected = collect()
    table = Table({"name": list(collected.languages), "language": list(collected.languages.values())}, "names")
    notices = () if collected.sha256 == EXPECTED else (_changed(len(table)),)
    return Dataset("names", split_by_content(table, "name"), {"names": collected.sha256}, notices)


def collect() -> Collected:
    """The surnames of all languages that have enough of their own, in alphabetical order."""
    languages: dict[str, set[str]] = defaultdict(set)
    at_home: set[str] = set()
    for language, lists in LISTS.items():
        for each in lists:
            surnames = _load(each)
            at_home.update(surnames if each.home else ())
            for surname in surnames:
                languages[surname].add(language)
    own = {name: next(iter(languages[name])) for name in sorted(at_home) if len(languages[name]) == 1}
    counts = Counter(own.values())
    return Collected({name: language for name, language in own.items() if counts[language] >= FEWEST}, len(at_home) - len(own))


def _load(surnames: Surnames) -> set[str]:
    """The provider's class is read without `faker.Faker()`, which would load every provider of a locale.

    A list that this version of faker lacks is empty: the notice about other data tells enough.
    """
    try:
        provider = importlib.import_module(f"faker.providers.person.{surnames.locale}").Provider
    except ModuleNotFoundError:
        return set()
    return {entry.strip() + surnames.ending for entry in getattr(provider, surnames.attribute, ())}


def _changed(n_names: int) -> str:
    version = importlib.metadata.version("faker")
    return (f"faker {version} makes other `names` ({n_names:,} surnames) than those that the published figures were measured on. "
            "Compare only runs whose hashes of the data are equal.")
