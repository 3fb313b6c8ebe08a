"""Networks trained here: layers, training, estimators, saved state."""
