"""The chat server: one asyncio process that receives messages, stores them and delivers them."""
