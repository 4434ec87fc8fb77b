"""Where objects come from that were made elsewhere; nothing that they say is believed unchecked."""
