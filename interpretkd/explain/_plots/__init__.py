"""Figures of terms and effects."""
