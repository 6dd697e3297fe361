"""The Tab key after `--set`: keys of the recipe on the command line, else of all recipes, at once and without torch."""

import os
import subprocess
import sys

import pytest
from command import NLP

ASKED = {"_NLP_COMPLETE": "complete_bash"}


def completed(line: str) -> list[str]:
    """What bash is offered at the end of the line."""
    words = line.split(" ")
    done = subprocess.run([NLP], env=os.environ | ASKED | {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}, capture_output=True,
                          encoding="utf-8", check=False)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("before", ["nlp train names/lstm", "nlp train --config names/lstm", "nlp train -c names/lstm --seeds 2",
                                    "nlp config show names/lstm", "nlp count-params names/lstm"])
def test_keys_of_the_recipe_are_completed(before):
    found = completed(f"{before} --set model.hidden")
    assert found == ["model.hidden_size="], "hidden_sizes is a key of other models"
    assert "model.n_neighbors=" not in completed(f"{before} --set model.")


def test_a_section_that_is_not_set_offers_what_it_may_have():
    assert "training.early_stopping.patience=" in completed("nlp train names/lstm --set training.early")


@pytest.mark.parametrize("recipe", ["", "no/such ", "names/* "])
def test_without_a_recipe_all_keys_are_offered(recipe):
    found = completed(f"nlp train {recipe}--set model.")
    assert {"model.hidden_size=", "model.n_neighbors=", "model.C="} <= set(found)
    assert len(found) == len(set(found))


def test_torch_and_scikit_learn_are_not_loaded():
    program = ("import sys; from nlp.cli.key_completion import complete_key\n"
               "class context: params, args = {'config': ['names/lstm']}, []\n"
               "assert complete_key(context, 'model.h') == ['model.hidden_size=']\n"
               "print({'torch', 'sklearn', 'scipy', 'numpy'} & set(sys.modules))")
    assert subprocess.check_output([sys.executable, "-c", program], encoding="utf-8").strip() == "set()"
