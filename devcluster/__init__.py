"""The cluster that the demo and the tests run on: kind, its tools, its node image, a registry and our images."""
