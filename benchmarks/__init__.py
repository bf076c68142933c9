"""How fast, measured: always as ratios in one run, with CPU per request."""
