"""A package whose import takes its time."""

import time

from tests.fakes.bad_extensions import Shared

time.sleep(2)
provider = Shared()
