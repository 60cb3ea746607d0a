"""What the platform is: its engine, catalogue of signals, tables, commands and faces.

Nothing here knows what reacts to what: that stands in `workflows/` alone.
"""
