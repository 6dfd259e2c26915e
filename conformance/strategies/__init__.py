"""What is drawn to test an operator: Hypothesis strategies of cases."""
