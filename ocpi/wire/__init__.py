"""How each OCPI version writes the model down: routes, structs that differ, codecs, losses."""
