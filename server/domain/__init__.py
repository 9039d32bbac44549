"""Operations on accounts, rooms and friendships that handlers, admin commands and the cluster share."""
