"""The Jobs and pods of an AugmentationJob as plain data, read from what the API server sends."""
