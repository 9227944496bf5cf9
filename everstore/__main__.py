"""``python -m everstore`` is the command ``everstore``."""

from everstore.cli import main

if __name__ == "__main__":
    main()
