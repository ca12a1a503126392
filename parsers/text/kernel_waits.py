"""Functions of the kernel in which a task sleeps, as every tool that prints them names them."""

from __future__ import annotations

from typing import Final

DEAF: Final = (
    "wait_on_page",
    "folio_wait",
    "nfs_wait",
    "nfs4_wait",
    "rpc_wait",
    "jbd2_",
    "xfs_log",
    "io_schedule",
    "blk_",
    "submit_bio_wait",
    "wait_on_bit_io",
)
"""Functions of disks and NFS in which a sleep ends by no signal."""
