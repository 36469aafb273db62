"""A small dataset hub that the unmodified `huggingface_hub` client talks to over HTTP.

The demo and the tests publish real datasets without an account, a token or a network. It is not part of the product.

Why our own: the existing self-hosted hubs are either a stack of services (KohakuHub: PostgreSQL, LakeFS and MinIO, and
not on the package index) or servers in Go (hfd, matrixhub); none starts within a second from a Python test, and none
has a switch that makes the next commit fail. Serving datasets to one client takes a few hundred lines.

Left out on purpose: models and spaces, xet, multipart uploads, pull requests, `.gitignore` rules,
organisations, cross-repository copies, git itself, and keeping anybody out of a gated dataset: it only says that it is.
"""
