"""What is lost, and what it costs, where an observer tells less than its scores."""
