"""The REST APIs of other services over the same jobs, one module each."""
