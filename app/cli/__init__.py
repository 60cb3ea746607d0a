"""The command line: one group per noun, over the same API whether the platform is here or far away."""
