"""API keys and OIDC tokens: where they come from, what they permit, and how a request is authenticated."""
