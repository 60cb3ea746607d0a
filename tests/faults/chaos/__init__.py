"""The chaos harness: the platform's real processes under load, killed and cut off at random, then counted."""
