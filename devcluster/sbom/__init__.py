"""What is in our images, as CycloneDX: read from the images themselves, not from what was asked for.

An image is read layer by layer from the registry that it was pushed to (image_files.py); Python's and Debian's own
records of what is installed are found in it (packages.py) and written as a bill of materials (bill.py).
"""
