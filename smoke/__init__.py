"""The world, built by a compiler that is to be had in minutes: a test of its recipes."""
