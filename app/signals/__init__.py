"""The catalogue of what can happen: one file per subject, one frozen class per fact, no behaviour."""
