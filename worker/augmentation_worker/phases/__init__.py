"""The three phases of the worker: thin shells that fetch, call the pure core in formats/, and store."""
