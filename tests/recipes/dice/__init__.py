"""Recipes of which one comes out otherwise each time, with others on top of it."""
