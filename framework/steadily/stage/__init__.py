"""What happens inside `steadily run STAGE`: from reading what describes the stage to committing what came of it."""
