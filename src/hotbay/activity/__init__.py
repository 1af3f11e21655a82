"""Floor 3: what requests leave behind: in-flight list, usage, the store, captures, counters."""
