"""The terminal client: a model without a screen, a view without a network, and a controller between them."""
