"""Dataset formats: what each is, how it is planned, made and checked."""
