"""Images: arrays and folders of pictures, as pixels for a network; no network is known here."""
