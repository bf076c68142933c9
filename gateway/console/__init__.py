"""The operator's console: rooms for people, rendered here, without a build step or a request outside."""
