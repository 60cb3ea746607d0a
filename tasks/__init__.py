"""What the platform does: actions, one file per service. When it does them stands in `workflows/`."""
