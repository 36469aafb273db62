"""The worker: reads a dataset, makes augmented copies of its episodes and publishes a new dataset.

One program, three phases (resolve, augment, publish), each in pods of its own; see phases/.
"""
