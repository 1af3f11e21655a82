"""What the benchmarks share: building, starting, loading, and reading what it cost."""
