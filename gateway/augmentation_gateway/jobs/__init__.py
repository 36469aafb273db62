"""What can be done with jobs over REST, in the words of no dialect: create, change, query, follow."""
