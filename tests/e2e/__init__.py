"""The whole: a real server, real terminals, a real database, and what people do with them."""
