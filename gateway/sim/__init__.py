"""Partners that live outside the hub: a CPO, an eMSP, a wallet and a car, each on its own address.

They speak to the hub over HTTP only and read none of its stores, so that what works for them works
for a stranger.
"""
