"""``python -m operandi``."""

import sys

if __name__ == "__main__":
    try:
        from operandi.cli.main import main
    except KeyboardInterrupt:  # while the libraries are loaded
        sys.exit(130)
    main()
