"""``python -m steepest`` and the command ``steepest``."""

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    from .cli import run

    run()


if __name__ == "__main__":
    main()
