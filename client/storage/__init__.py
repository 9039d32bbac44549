"""Files of the user: the configuration, and how files are written."""
