"""Messages between the server and a service manager such as systemd: notifications, passed sockets."""
