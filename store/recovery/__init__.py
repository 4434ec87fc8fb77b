"""The index made anew from the store directory, copied, and taken back."""
