"""What the machine is made of: a snapshot, taken once at start (spec/monitoring.md 2)."""
