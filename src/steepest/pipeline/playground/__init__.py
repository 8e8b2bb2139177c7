"""The playground: rows, a network, and a page on which every number of its training can be seen.

`Play` is what a page is made of: one set of rows or several, each with a network to begin with. The
page computes itself (``pages/web/engine``), so that it is the same page with Python beside it and
without; layers that it does not have are computed by Python, if that is there (`Remote`).
"""

from __future__ import annotations

from .keep import keep
from .pictures import play_pictures
from .play import MODULE, Play, play_page, remote_in
from .remote import Remote
from .table import play_model, play_table
from .toys import play_toys

__all__ = [
    "MODULE",
    "Play",
    "Remote",
    "keep",
    "play_model",
    "play_page",
    "play_pictures",
    "play_table",
    "play_toys",
    "remote_in",
]
