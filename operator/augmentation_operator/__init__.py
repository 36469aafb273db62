"""The operator: turns the difference between AugmentationJobs and the cluster into Jobs and status."""
