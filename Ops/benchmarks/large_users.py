"""Users who have had to do with a great many groups."""

BEGIN_MS, STEP_MS = 1_750_000_000_000, 7


def write_large_users(events, cluster_map, *, users, groups):
    """Writes JSON lines in which each user clicks and then orders once in each group, and the map: every shop is a group of its own."""
    with open(cluster_map, "w", encoding="ascii") as file:
        file.write("shop_id,group_id\n")
        file.writelines(f"{shop},{shop}\n" for shop in range(1, groups + 1))
    with open(events, "w", encoding="ascii") as file:
        for kind, dwell in (("click", 1200), ("order", 300)):
            for number in range(1, groups + 1):
                # A stride that shares no factor with the number of groups, so that the newest are not neighbors.
                shop = number * 2_003 % groups + 1
                time_ms = BEGIN_MS + (number + (groups if kind == "order" else 0)) * STEP_MS * 1_000
                file.writelines(
                    f'{{"user_id":"{user:012d}","shop_id":"{shop}","type":"{kind}","time_ms":{time_ms + user},"dwell_ms":{dwell}}}\n'
                    for user in range(users))
