"""What tests share: servers, databases, terminals, strategies."""
