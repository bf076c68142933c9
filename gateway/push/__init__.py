"""OCPI out: what the hub says to its partners, bounded in every direction."""
