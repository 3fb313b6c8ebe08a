"""Pictures of what a student sees in pixels."""
