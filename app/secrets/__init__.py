"""Secrets that are not only compared but used: what is signed with them, and how they are kept. A leaf."""
