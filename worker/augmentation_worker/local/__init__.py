"""Jobs without a cluster: the same phases by the same program, with folders in place of the hub and Kubernetes."""
