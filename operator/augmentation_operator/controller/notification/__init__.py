"""Notifications: an event of each job that ends, sent to the address that its class names."""
