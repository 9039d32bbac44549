"""Admin commands: their format on the local socket, what carries them out, and the tables they print."""
