"""The hot lane: authorise requests answered synchronously, everything else handed to aiohttp.

`frame` finds where a request ends · `parse` reads it · `hot` answers it · `protocol` is the
connection · `runner` starts the server. The same request on the ordinary path is
`gateway.http.ocpi.authorise`.
"""
