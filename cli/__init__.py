"""The `nlp` command: one file per verb; nothing heavy is imported before a verb needs it."""
