"""``python -m store``."""

from store.cli.main import main

if __name__ == "__main__":
    main()
