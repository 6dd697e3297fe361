"""What every model's section of a recipe states, so that other sections can be checked against it without importing the model."""

from typing import Literal

LearnsBy = Literal["nothing", "solver", "gradient"]
Takes = Literal["text", "bag", "sequence", "spelled", "history", "pair", "vector"]
"""`spelled` is a sequence with the characters of each word beside it, `history` what stands before a block of running text, `pair` a
source and the target before each place."""
