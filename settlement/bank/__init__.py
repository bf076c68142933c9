"""The edge to the outside of money: checkers that run as children, files from and to banks."""
