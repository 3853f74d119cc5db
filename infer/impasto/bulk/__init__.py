"""``bulk-style``: whole collections, on one machine or a cluster of Ray's.

In: a folder or URL of photos. Out: another of results, with a manifest.
"""
