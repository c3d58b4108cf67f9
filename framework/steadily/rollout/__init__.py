"""Which release serves: shadow, the checklist before a promotion, and the rollback that no person has to decide."""
