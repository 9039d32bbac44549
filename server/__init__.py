"""The chat server: one asyncio process that takes messages, has them stored, and hands them to everybody."""
