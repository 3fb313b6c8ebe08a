"""The engine of boosted trees: xgboost's rounds, and a budget of leaves."""
