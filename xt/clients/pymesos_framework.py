"""A framework of pymesos for xt/clients.t: pymesos_framework.py HOST:PORT EXECUTOR'S COMMAND. It takes commands on standard input, and says what
comes on standard output, a line of JSON each."""
import json
import os
import sys
from threading import Thread

from pymesos import MesosSchedulerDriver, Scheduler, decode_data, encode_data

EXECUTOR_ID = 'pymesos-executor'


def say(*what):
    # At once: print writes a line and its end apart, and another thread may come between them.
    os.write(sys.stdout.fileno(), (json.dumps(what) + '\n').encode())


def resources(**amounts):
    return [{'name': name, 'type': 'SCALAR', 'scalar': {'value': value}} for name, value in sorted(amounts.items())]


class Telling(Scheduler):
    def __init__(self, command):
        self.executor = {
            'executor_id': {'value': EXECUTOR_ID}, 'name': 'of pymesos', 'command': {'value': command},
            'resources': resources(cpus=0.1, mem=32),
        }
        # Tasks that wait for an offer.
        self.wanted = []
        self.agent_id = None

    def task(self, task_id, agent_id):
        return {'name': task_id, 'task_id': {'value': task_id}, 'agent_id': agent_id, 'executor': self.executor,
                'data': encode_data(b'for ' + task_id.encode()), 'resources': resources(cpus=0.1, mem=32)}

    def registered(self, driver, framework_id, master_info):
        say('registered', framework_id['value'], master_info)

    def reregistered(self, driver, master_info):
        say('reregistered', driver.framework_id)

    def disconnected(self, driver):
        say('disconnected')

    def resourceOffers(self, driver, offers):
        for offer in offers:
            wanted, self.wanted = self.wanted, []
            if wanted:
                self.agent_id = offer['agent_id']
                driver.launchTasks(offer['id'], [self.task(one, offer['agent_id']) for one in wanted], {'refuse_seconds': 0})
            else:
                driver.declineOffer(offer['id'], {'refuse_seconds': 0.1})

    def offerRescinded(self, driver, offer_id):
        say('rescinded')

    def statusUpdate(self, driver, status):
        say('update', status['task_id']['value'], status['state'], status.get('message'))

    def frameworkMessage(self, driver, executor_id, agent_id, data):
        say('message', executor_id['value'], decode_data(data).decode())

    def executorLost(self, driver, executor_id, agent_id, status):
        say('executor lost', executor_id['value'], status)

    def error(self, driver, message):
        say('error', message)


scheduler = Telling(sys.argv[2])
framework = {'user': '', 'name': 'of pymesos', 'checkpoint': True, 'failover_timeout': 60}
driver = MesosSchedulerDriver(scheduler, framework, sys.argv[1])


def obey():
    # Its end is that of the test.
    for line in sys.stdin:
        verb, _, rest = line.rstrip('\n').partition(' ')
        if verb == 'launch':
            scheduler.wanted += rest.split()
        elif verb == 'kill':
            driver.killTask({'value': rest})
        elif verb == 'message':
            driver.sendFrameworkMessage({'value': EXECUTOR_ID}, scheduler.agent_id, encode_data(rest.encode()))
        elif verb == 'stop':
            break
    driver.stop()


Thread(target=obey, daemon=True).start()
driver.run()
say('ended')
