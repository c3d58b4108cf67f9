"""What is told to people: a run, a row on its way, the steps that are installed."""
