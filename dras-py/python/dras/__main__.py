"""``python -m dras``: the same as the console script ``dras``."""

from .cli import main

if __name__ == "__main__":
    main()
