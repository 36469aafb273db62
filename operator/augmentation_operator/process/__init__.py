"""The process: settings, connection, leader election, and the part that kopf runs."""
