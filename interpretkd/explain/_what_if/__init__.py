"""What-if: inputs a person may set, what comes of it, its address."""
