"""``bulk-style``: whole collections, on one machine or a cluster of Ray's."""
