"""What people may ask for: each command locks, decides and records one fact, in the caller's transaction."""
