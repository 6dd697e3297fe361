"""Suggestions for unknown options and commands that are keys of the recipe or names from other tools."""

import re

MOST = 3
"""Maximum number of keys with one name; more are too ambiguous to suggest, as with `type`."""

COMMANDS = {
    "test": "eval", "evaluate": "eval", "score": "eval", "validate": "eval", "fit": "train", "finetune": "train", "fine-tune": "train",
    "pretrain": "train", "resume": "train --resume", "infer": "predict", "inference": "predict", "generate": "predict",
    "sample": "predict", "translate": "predict", "benchmark": "compare", "significance": "compare", "tune": "sweep", "search": "sweep",
    "download": "data get", "tokenize": "tokenizer show", "init": "config init", "list": "config list", "summary": "count-params",
    "info": "doctor", "curve": "learning-curve", "rerun": "reproduce", "replicate": "reproduce",
}
"""Command names of other tools, and the equivalents here."""


def explain_unknown(error: Exception) -> str | None:
    """What to write instead of an unknown option or command; None if typer's message is the best there is."""
    return _explain_command(error) or _explain_option(error)


def _explain_command(error: Exception) -> str | None:
    found = re.match(r"No such command '(.+?)'", str(getattr(error, "message", "")))
    context = getattr(error, "ctx", None)
    if found is None or context is None or context.parent is not None or (command := COMMANDS.get(found[1].lower())) is None:
        return None
    return f"No such command: {found[1]}. Did you mean `nlp {command}`?"


def _explain_option(error: Exception) -> str | None:
    """Only for commands that take `--set`."""
    option, context = getattr(error, "option_name", None), getattr(error, "ctx", None)
    if option is None or context is None or not any("--set" in parameter.opts for parameter in context.command.params):
        return None
    from ..configs.yaml.error_report import paths_of
    from ..configs.yaml.names_elsewhere import meant_by

    name = option.lstrip("-").replace("-", "_")
    if 0 < len(keys := paths_of(name)) <= MOST and name != "data":
        settings = " or ".join(f"--set {key}=VALUE" for key in keys)
        return f"No such option: {option}. It is a key of the recipe, so write {settings}."
    if (meant := meant_by(name)) is None:
        return None
    if meant.instead:
        return f"No such option: {option}; {meant.instead}."
    return f"No such option: {option}. The recipe's key {meant.key} does this, so write {meant.setting}."
