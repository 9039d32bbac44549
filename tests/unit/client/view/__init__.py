"""Tests of the view: rows from the model without a terminal, and the screen as a person sees it."""
