"""Authorisation: one decision for RFID, app, eMAID and contract certificate."""
