"""When the platform does what: which events lead to which actions. Every file here is discovered."""
