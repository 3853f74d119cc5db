"""The command ``tune-style``: weights chosen by short trainings and cross-validation."""
