"""The REST gateway: augmentation jobs over HTTP, for clients that do not speak Kubernetes.

It keeps no state of its own. Writes create and patch AugmentationJobs; reads are answered from a watch cache of them:
jobs made with kubectl are there too, and reads are served while the Kubernetes API is unavailable.

A REST API is a `Dialect`: one view over the job records of the cache. Adding one is adding one module.
"""
