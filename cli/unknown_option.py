"""An option that a command does not have, where it is a key of the recipe, here or in another tool: what to write instead."""

MOST = 3
"""Keys of one name, beyond which it says nothing, as with `type`."""


def explain_option(error: Exception) -> str | None:
    """What to give in place of an unknown option to a command that takes `--set`; None where there is nothing better than typer's words."""
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
