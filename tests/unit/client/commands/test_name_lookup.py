"""Which account a typed name means, and that no command acts on another one."""
