"""Makes `names.tsv`, the surnames of the dataset `names`, from the lists of the package faker 40.63.

    python scripts/make_names.py

A surname is taken from the lists of the country where its language is spoken, since lists from elsewhere mix languages (there are Flemish
names on the Belgian list of French). It is left out where any list, from elsewhere too, has it under another language. A language needs
`FEWEST` surnames of its own.
"""

import importlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from nlp.datasets.named.shipped import SHIPPED

FEWEST = 250


@dataclass(frozen=True)
class Surnames:
    """One of faker's lists: its locale, the attribute that contains it, the ending that faker adds to each entry."""

    locale: str
    attribute: str = "last_names"
    ending: str = ""
    home: bool = True


@dataclass(frozen=True)
class Collected:
    """Language by surname, and how many surnames were left out because several languages have them."""

    languages: Mapping[str, str]
    left_out: int

    def content(self) -> bytes:
        """The content of `names.tsv`."""
        return "".join(f"{name}\t{language}\n" for name, language in self.languages.items()).encode("utf-8")


def _elsewhere(locale: str) -> Surnames:
    return Surnames(locale, home=False)


# Languages in Latin script. Of masculine and feminine forms the masculine alone: the other is the same surname again.
LISTS: Mapping[str, tuple[Surnames, ...]] = {
    "Azerbaijani": (Surnames("az_AZ", "last_names_male"), Surnames("az_AZ", "last_names_unisex")),
    "Croatian": (Surnames("hr_HR"),),
    "Czech": (Surnames("cs_CZ", "last_names_male"),),
    "Danish": (Surnames("da_DK"),),
    "Dutch": (Surnames("nl_NL"), _elsewhere("nl_BE")),
    "English": (Surnames("en_GB"), _elsewhere("en_IE"), _elsewhere("en_NZ"), _elsewhere("en_US")),
    "Estonian": (Surnames("et_EE", "last_names_est"),),
    "Finnish": (Surnames("fi_FI"),),
    "French": (Surnames("fr_FR"), _elsewhere("fr_BE"), _elsewhere("fr_CA"), _elsewhere("fr_CH")),
    "German": (Surnames("de_DE"), _elsewhere("de_AT"), _elsewhere("de_CH"), _elsewhere("de_LI")),
    "Hungarian": (Surnames("hu_HU"),),
    "Icelandic": (Surnames("is_IS", "last_names_without_suffix", ending="son"),),
    "Indonesian": (Surnames("id_ID", "last_names_male"),),
    "Irish": (Surnames("ga_IE"),),
    "Italian": (Surnames("it_IT"),),
    "Latvian": (Surnames("lv_LV", "last_names_male"), Surnames("lv_LV", "last_names_nonbinary")),
    "Lithuanian": (Surnames("lt_LT"),),
    "Norwegian": (Surnames("no_NO"),),
    "Polish": (Surnames("pl_PL", "unisex_last_names"), Surnames("pl_PL", "male_last_names")),
    "Portuguese": (Surnames("pt_PT"), _elsewhere("pt_BR")),
    "Romanian": (Surnames("ro_RO"),),
    "Slovak": (Surnames("sk_SK", "last_names_male"),),
    "Slovenian": (Surnames("sl_SI"),),
    "Spanish": (Surnames("es_ES"), _elsewhere("es_AR"), _elsewhere("es_CL"), _elsewhere("es_CO"), _elsewhere("es_MX")),
    "Swahili": (Surnames("sw"),),
    "Swedish": (Surnames("sv_SE"),),
    "Turkish": (Surnames("tr_TR"),),
    "Twi": (Surnames("tw_GH"),),
    "Uzbek": (Surnames("uz_UZ", "last_names_male"),),
    "Vietnamese": (Surnames("vi_VN"),),
    "Yoruba": (Surnames("yo_NG"),),
    "Zulu": (Surnames("zu_ZA"),),
}


def collect() -> Collected:
    """The surnames of all languages that have enough of their own, in alphabetical order."""
    languages: dict[str, set[str]] = defaultdict(set)
    at_home: set[str] = set()
    for language, lists in LISTS.items():
        for each in lists:
            surnames = load(each)
            at_home.update(surnames if each.home else ())
            for surname in surnames:
                languages[surname].add(language)
    own = {name: next(iter(languages[name])) for name in sorted(at_home) if len(languages[name]) == 1}
    counts = Counter(own.values())
    return Collected({name: language for name, language in own.items() if counts[language] >= FEWEST}, len(at_home) - len(own))


def load(surnames: Surnames) -> set[str]:
    """The surnames of one list. The provider's class is read without `faker.Faker()`, which would load every provider of a locale."""
    provider = importlib.import_module(f"faker.providers.person.{surnames.locale}").Provider
    return {entry.strip() + surnames.ending for entry in getattr(provider, surnames.attribute)}


def main() -> None:
    """Write the file."""
    collected = collect()
    (SHIPPED / "names.tsv").write_bytes(collected.content())
    print(f"{len(collected.languages):,} surnames; {collected.left_out:,} left out, since several languages have them")


if __name__ == "__main__":
    main()
