"""The page: what umi does, asks, sent and is told to keep, for the user's own browser.

Static files hold no data and are open to whoever reaches this machine's loopback; every value comes over `/api/`, to
the holder of the key alone, and is never cached.
"""

from umi_edge.doors.page.page import Page, page_routes

__all__ = ["Page", "page_routes"]
