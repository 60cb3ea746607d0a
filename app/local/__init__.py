"""The local start, `python -m app.local`: a Redis and every process of the Procfile, in one terminal.

It checks first, restarts what dies, and stops in the order that loses nothing. It knows no deploys.
"""
