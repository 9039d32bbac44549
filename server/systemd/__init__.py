"""What the server and a service manager such as systemd tell each other: notifications, passed sockets."""
