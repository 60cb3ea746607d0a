"""Clients of the outside world: one folder per port, one file per backend. They know nothing of each other."""
