"""Where the user types: the composer, the switcher, prompts and the login form."""
