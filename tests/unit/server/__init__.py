"""The server, from its parts to the contract on a real socket."""
