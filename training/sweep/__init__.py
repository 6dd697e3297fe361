"""The search for settings: trials in child processes, asked of Optuna and ended early where they are hopeless."""
