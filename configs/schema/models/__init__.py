"""The families of models that several tasks share."""
