"""What the hub is compared with: the least that a server of each kind can do."""
