"""Full-text search: from text to terms, the index, the messages not indexed yet, and queries."""
