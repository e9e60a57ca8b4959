"""What the release under test has: a round does and compares only that."""

FEATURES = {
    # `$erase` records forget a user.
    "erasures": True,
    # `duplicates.offsets` and `duplicates.time_ms`: a behavior whose event_id was met shortly before does not count.
    "duplicates": True,
    # `dead_letters.to: topic`: bad records go to <topic>.dead; otherwise only to dead-letters.jsonl in the state directory.
    "dead_topic": True,
    # `dump` leaves out partitions that are not owned, unless asked by --all-partitions.
    "owned_dump": True,
    # An instance forwards a lookup to the owner of the user's partition.
    "forwarding": True,
}
