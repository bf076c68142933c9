"""The command `networkcore`: one module per group of commands, each registering on one app."""
