"""The transforms on CPUs: loops that numba compiles, and what their code is generated with.

Modules here import no others of ours, and compiled code is discarded when one of them changes: see `kernel_cache`.
"""
