"""For every labelled constraint of an operator, arguments that break it and nothing else."""
