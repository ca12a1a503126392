#!/usr/bin/python3
"""A helper that waits for work, and knows nothing of the descriptors it was started with."""

import time

while True:
    time.sleep(60)
