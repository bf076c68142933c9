"""Documents: one EN 16931 model, written as UBL, CII and PDF."""
