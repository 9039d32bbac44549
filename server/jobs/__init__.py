"""Background jobs: the search index and the removal of expired data."""
