"""Running unattended: a systemd unit for an account's folder (`unit`), and a container file (`Containerfile`)."""
