"""What is known of the cluster, kept up by watches."""
