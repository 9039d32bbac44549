"""What an owner does to a room, what a room asks of whoever comes, and whom one hears nothing more from."""
