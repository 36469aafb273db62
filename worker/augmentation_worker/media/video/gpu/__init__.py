"""Episodes on an NVIDIA GPU: decoding, upload, transforms, download and encoding at one time, in reused buffers."""
