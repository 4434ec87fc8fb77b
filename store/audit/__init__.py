"""Audits: is what the store says of itself true, here, elsewhere, and when built again?"""
