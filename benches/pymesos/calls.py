"""The framework of benches/calls.pl for pymesos: calls.py HOST:PORT KIND COUNT. Prints calls a second and microseconds of CPU time for each."""
import resource
import sys
import time

from pymesos import MesosSchedulerDriver, Scheduler


def task(number):
    resources = [{'name': name, 'type': 'SCALAR', 'scalar': {'value': value}} for name, value in (('cpus', 0.5), ('mem', 64))]
    return {'name': 'task', 'task_id': {'value': 'task-%d' % number}, 'agent_id': {'value': 'agent-0'}, 'resources': resources,
            'command': {'value': 'exec /usr/bin/env true', 'environment': {'variables': [{'name': 'A', 'value': 'b'}]}}}


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


TASKS = [task(number) for number in range(100)]
CALLS = {
    'launch1': lambda driver, number: driver.launchTasks({'value': 'offer-%d' % number}, TASKS[:1]),
    'launch100': lambda driver, number: driver.launchTasks({'value': 'offer-%d' % number}, TASKS),
    'decline': lambda driver, number: driver.declineOffer({'value': 'offer-%d' % number}),
    'kill': lambda driver, number: driver.killTask({'value': 'task-%d' % number}),
    'acknowledge': lambda driver, number: driver.acknowledgeStatusUpdate(
        {'agent_id': {'value': 'agent-0'}, 'task_id': {'value': 'task-%d' % number}, 'uuid': '/v7+/v7+/v7+/v7+/v7+/g=='}),
}


class Calling(Scheduler):
    def registered(self, driver, framework_id, master_info):
        self.began, self.cpu = time.monotonic(), cpu()
        for number in range(COUNT):
            CALLS[KIND](driver, number)
        driver.suppressOffers()

    def frameworkMessage(self, driver, executor_id, agent_id, data):
        took, used = time.monotonic() - self.began, cpu() - self.cpu
        print('calls', COUNT / took, used / COUNT * 1e6)
        driver.stop(True)


MASTER, KIND, COUNT = sys.argv[1], sys.argv[2], int(sys.argv[3])
framework = {'user': 'root', 'name': 'offers 0'}
MesosSchedulerDriver(Calling(), framework, MASTER, implicit_acknowledgements=False).run()
