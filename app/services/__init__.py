"""Clients of the outside world: a folder for each port, a file for each backend, none knowing another."""
