"""The keys of the screen: which key does what, and the actions by subject."""
