"""Where datasets lie. Two ports, a source that is read and an output that is published, each with two implementations:

a dataset on a hub (augmentation_worker.storage.hub) and a folder of a mounted volume or of this machine (here).
"""
