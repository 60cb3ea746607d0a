"""Finding what is declared: every module of a package is imported, so that a new file is all that a new
flow takes.
"""

import pkgutil
from importlib import import_module


def discover(*packages: str) -> list[str]:
    """Import every module of these packages, in alphabetical order; returns their full names.

    A module that cannot be imported stops the start: half of the listeners would be worse than none.
    """
    found = []
    for package in packages:
        for module in pkgutil.iter_modules(import_module(package).__path__, prefix=f"{package}."):
            import_module(module.name)
            found.append(module.name)
    return found
