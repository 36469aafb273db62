"""Pictures of what a job does, for people who look rather than read."""
