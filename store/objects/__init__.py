"""Objects on disk: taking trees in, finding references, sharing files, checking."""
