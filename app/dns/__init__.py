"""What DNS has to say for a site's host name, and what is wrong where it does not: names, records, verdicts.

A leaf that asks nobody: `app/services/dns` does the asking. Commands, models and actions may all use it.
"""
