"""The operator's console: rooms for people, rendered here; no build step, no request outside."""
