"""Accounts that are erased: their names, and their texts in every conversation."""
