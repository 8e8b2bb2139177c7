"""Build the site of the documentation into build/site, and check every link of it.

    pip install -e ".[docs]"
    python scripts/docs
    python scripts/docs --notebooks

The first takes about 20 seconds. A warning is an error. Nothing is fetched from anywhere, and the
site asks for nothing: open build/site/index.html in a browser. The notebooks of the course lie in
build/site/course; the second command runs them all too, which takes a minute more.
"""

import logging
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Build, check, and say where it is."""
    os.environ["NO_MKDOCS_2_WARNING"] = "1"
    try:
        from mkdocs.commands.build import build
        from mkdocs.config import load_config
        from mkdocs.exceptions import Abort
    except ImportError:
        sys.exit('The site needs the extra "docs": pip install -e ".[docs]"')
    import links

    logging.basicConfig(level="WARNING", format="%(levelname)s: %(message)s")
    os.chdir(ROOT)
    config = load_config(str(ROOT / "mkdocs.yml"), strict=True)
    config.plugins.on_startup(command="build", dirty=False)
    try:
        build(config)
    except Abort as error:
        sys.exit(str(error))
    finally:
        config.plugins.on_shutdown()
    site = Path(config.site_dir)
    faults = links.faults(site)
    if faults:
        sys.exit("\n".join(faults))
    print(f"{len(list(site.rglob('*.html')))} pages, all links lead somewhere: {site}/index.html")
    if "--notebooks" in sys.argv:
        import notebooks

        for file in sorted((site / "course").glob("*.ipynb")):
            notebooks.run(file)
            print(f"{file.name} runs", flush=True)


if __name__ == "__main__":
    main()
