"""Image datasets of the Hugging Face `datasets` library: rows with columns of images, in parquet files or in folders.

Which files make up which split, what the columns are and which rows an image folder has, is decided by `datasets`
itself (detection.py), so a dataset is here what `load_dataset` makes of it. A row stands where LeRobot has an episode:
each image is a clip of one frame.
"""
