"""The pure model: frozen values, no I/O."""
