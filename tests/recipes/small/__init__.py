"""Recipes for fault tests: few files, built in moments."""
