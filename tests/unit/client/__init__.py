"""The client: its model without a screen, its network against a scripted server, its words."""
