"""``python -m operandi``."""

from operandi.cli.main import main

if __name__ == "__main__":
    main()
