"""The transforms on CUDA: Triton kernels that give the pixels of the CPU's, several transforms in one pass over memory.

`fused_copies` is what the rest of the worker calls. Nothing here is imported before frames lie on a GPU.
"""
