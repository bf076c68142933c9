"""The hot lane: authorise requests answered synchronously, everything else handed to aiohttp.

`frame` finds where a request ends · `parse` reads it · `hot` answers it · `protocol` is the
connection · `runner` starts the server · `ordinary` is the same request on the ordinary path.
"""
