"""The tests mirror the tree; ``e2e`` runs real servers in real terminals."""
