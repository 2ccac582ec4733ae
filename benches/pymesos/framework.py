"""The framework of benches/driver.pl for pymesos: framework.py HOST:PORT NAME"""
import statistics
import sys
import time

from pymesos import MesosSchedulerDriver, Scheduler


class Counting(Scheduler):
    def __init__(self, offers):
        self.offers, self.seen, self.latencies = offers, 0, []

    def statusUpdate(self, driver, status):
        if NAME.startswith('latency'):
            self.latencies.append(time.monotonic_ns() - int(status['message'][-20:]))

    def resourceOffers(self, driver, offers):
        self.seen += len(offers)
        if self.seen == self.offers:
            driver.suppressOffers()

    def frameworkMessage(self, driver, executor_id, agent_id, data):
        if self.latencies:
            print('latency_us', statistics.median(self.latencies) / 1000)
        driver.stop(True)


MASTER, NAME = sys.argv[1:3]
scheduler = Counting(10 * int(NAME.split()[1]))
MesosSchedulerDriver(scheduler, {'user': 'root', 'name': NAME}, MASTER).run()
