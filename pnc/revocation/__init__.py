"""Revocation: CRLs and OCSP answers, read and judged without IO; ``fetch`` alone has a socket."""
