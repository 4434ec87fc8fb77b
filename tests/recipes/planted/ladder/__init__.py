"""A ladder on two seeds, one of which is not what it seems."""
