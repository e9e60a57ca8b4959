"""What is done to instances, brokers and producers while records flow. What is chosen follows from the seed."""

import time


class Disturbance:
    """`make` makes one more instance; `cluster` is None where the brokers are not ours."""

    def __init__(self, choose, seconds, instances, make, cluster, publishers, counts):
        self.choose, self.seconds, self.instances, self.make = choose, seconds, instances, make
        self.cluster, self.publishers, self.counts = cluster, publishers, counts
        self.most = len(instances) + 2
        self.due = {}  # instance -> when it is started again

    def run(self):
        choose, begin = self.choose, time.monotonic()
        end = begin + self.seconds
        for number, instance in enumerate(self.instances):
            is_late = number and number + 1 == len(self.instances)
            self.due[instance] = begin + (choose.uniform(0, self.seconds / 2) if is_late else 0)
        brokers = self.disturb_brokers(begin)
        act_at = begin + choose.uniform(1, 4)
        is_disturbing = True
        while (now := time.monotonic()) < end or is_disturbing:
            self.look_after(now)
            is_disturbing = next(brokers, "done") != "done"
            if act_at <= now < end:
                self.act()
                act_at = now + choose.uniform(0.2, 3)
            time.sleep(0.02)
        for instance in self.instances:
            if not instance.is_gone:
                instance.settle()

    def look_after(self, now):
        for publisher in self.publishers:
            publisher.check()
        for instance in self.instances:
            instance.check()
            if not instance.is_up and not instance.is_gone and now >= self.due.get(instance, now):
                instance.start()
                self.due.pop(instance, None)
            if instance.paused_until and now >= instance.paused_until:
                instance.unpause()

    def disturb_brokers(self, begin):
        """A generator that goes on each time it is asked. One node at a time: a topic's records are on two others, or it waits."""
        if self.cluster is None:
            return
        choose = self.choose
        times = 1 if self.cluster.count == 1 else choose.randint(1, 2)
        for number in range(times):
            wait_until = begin + self.seconds * (number + choose.uniform(0.1, 0.6)) / times
            node, action = choose.choice(self.cluster.nodes), choose.choice(["kill", "stop", "pause"])
            away_s = choose.uniform(0.5, 6) if action == "pause" else choose.uniform(0, 3)
            while time.monotonic() < wait_until:
                yield
            self.counts[f"broker {action}s"] += 1
            yield from node.away(action, away_s)

    def act(self):
        choose = self.choose
        action = choose.choices(["kill", "stop", "pause", "join", "leave", "kill producer"], [6, 2, 2, 1.5, 1, 1])[0]
        instance = choose.choice(self.instances)
        down_s = choose.choice([0, choose.uniform(0, 2), choose.uniform(3, 7)])
        seconds, is_kill = choose.uniform(0.5, 6), choose.random() < 0.5
        if action == "join":
            present = sum(not instance.is_gone for instance in self.instances)
            if present >= self.most:
                return
            self.make()
        elif action == "kill producer":
            if not choose.choice(self.publishers).kill():
                return
        elif not self.act_on(instance, action, down_s, seconds, is_kill):
            return
        self.counts[action + "s"] += 1

    def act_on(self, instance, action, down_s, seconds, is_kill):
        """False where it is not to be done."""
        if not instance.is_up or instance.stopping_until:
            return False
        if instance.paused_until and action in ("stop", "pause"):
            return False
        if action == "leave":
            if sum(not other.is_gone for other in self.instances) < 2:
                return False
            instance.is_gone = True
            if is_kill or instance.paused_until:
                instance.kill()
            else:
                instance.terminate()
            return True
        if action == "pause":
            instance.pause(seconds)
            return True
        self.due[instance] = time.monotonic() + down_s
        if action == "kill":
            instance.kill()
        else:
            instance.terminate()
        return True

    def wait_for_leavers(self):
        for instance in self.instances:
            while instance.is_gone and instance.is_up:
                instance.check()
                time.sleep(0.02)

