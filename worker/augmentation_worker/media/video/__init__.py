"""Videos: reading an episode's frames, writing its augmented copies, checking what was written."""
