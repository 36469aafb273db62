"""How pixels change: transforms whose parameters are sampled once per episode, the same on every device.

One module per transform, named like its entry in `TransformName`, with a class named like its model in
`augmentation_api.transforms`; `pipeline.py` finds both.
"""
