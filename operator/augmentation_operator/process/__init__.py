"""The process: its connection, its leader lease, its metrics and what kopf does of it."""
