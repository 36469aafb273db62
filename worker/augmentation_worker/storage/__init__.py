"""Where datasets are stored: the port that the phases use, the backends behind it, and the registry that picks one."""
