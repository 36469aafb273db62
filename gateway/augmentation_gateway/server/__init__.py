"""How connections are accepted and read: uvicorn, with an upper bound on what each may hold and how long it takes."""
