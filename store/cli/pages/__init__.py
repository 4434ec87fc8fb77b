"""The HTML pages and pictures that commands write, as one file each."""
