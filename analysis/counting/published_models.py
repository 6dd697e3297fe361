"""A model compared with published ones, by number of parameters."""

from typing import NamedTuple


class Published(NamedTuple):
    """A published model and its number of parameters, from its paper or its released weights."""

    name: str
    parameters: int
    source: str


PUBLISHED = (
    Published("NETtalk", 18_629, "Sejnowski and Rosenberg 1987"),
    Published("LeNet-5", 60_000, "LeCun et al. 1998"),
    Published("ALBERT base", 12_000_000, "Lan et al. 2020"),
    Published("AWD-LSTM", 24_000_000, "Merity et al. 2018"),
    Published("Transformer base", 65_000_000, "Vaswani et al. 2017"),
    Published("BERT base", 110_000_000, "Devlin et al. 2019"),
    Published("GPT-2 small", 124_439_808, "Radford et al. 2019, released weights"),
    Published("Transformer big", 213_000_000, "Vaswani et al. 2017"),
    Published("BERT large", 340_000_000, "Devlin et al. 2019"),
    Published("sequence-to-sequence LSTM", 384_000_000, "Sutskever et al. 2014"),
    Published("GPT-2 XL", 1_542_000_000, "Radford et al. 2019"),
    Published("T5 11B", 11_000_000_000, "Raffel et al. 2020"),
    Published("LLaMA 65B", 65_000_000_000, "Touvron et al. 2023"),
    Published("GPT-3", 175_000_000_000, "Brown et al. 2020"),
    Published("PaLM", 540_000_000_000, "Chowdhery et al. 2022"),
)
"""In order of size."""


def neighbours(parameters: int) -> list[Published]:
    """The nearest published models: the largest that is not larger and the smallest that is larger; only one at either end of the list."""
    smaller = [model for model in PUBLISHED if model.parameters <= parameters]
    larger = [model for model in PUBLISHED if model.parameters > parameters]
    return [*smaller[-1:], *larger[:1]]
