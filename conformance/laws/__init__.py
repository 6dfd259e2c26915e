"""What is true of an operator whatever its results are: laws between its applications, which need no oracle."""
