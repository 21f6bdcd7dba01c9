"""What all tests share: caches of their own, so that no run sees another's."""

import os
import tempfile

os.environ["INSPECT_CACHE_DIR"] = tempfile.mkdtemp(prefix="inspect-cache-")
os.environ["HF_HUB_OFFLINE"] = "1"  # no test asks the hub
