"""Loaded first by the process of which workers are forked: from then on it collects garbage seldom.

To go through all that is loaded again and again takes a fifth of the time of loading it.
"""

import gc

from ..pool import SELDOM

gc.set_threshold(*SELDOM)
