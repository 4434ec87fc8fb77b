"""What is needed no more: finding it, saying why, and giving its space back to the disk."""
