"""Run the tests on two processes; arguments are pytest's.

python scripts/test.py
python scripts/test.py tests/layers -x
"""

import subprocess
import sys
from pathlib import Path

command = [sys.executable, "-m", "pytest", *(sys.argv[1:] or ["-n", "2"])]
sys.exit(subprocess.run(command, cwd=Path(__file__).parents[1], check=False).returncode)
