"""The pages: what is served and what goes on, for people with a browser. They need no script to be read."""
