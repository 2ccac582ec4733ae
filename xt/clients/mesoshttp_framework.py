"""A framework of mesoshttp for xt/clients.t: mesoshttp_framework.py HOST:PORT. It runs a task that ends by itself and kills another one, and says
what comes on standard output, a line of JSON each."""
import json
import os
import sys

from mesoshttp.client import MesosClient

AT_ONCE = {'filters': {'refuse_seconds': 0}}


def say(*what):
    # At once: print writes a line and its end apart, and another thread may come between them.
    os.write(sys.stdout.fileno(), (json.dumps(what) + '\n').encode())


def resources(**amounts):
    return [{'name': name, 'type': 'SCALAR', 'scalar': {'value': value}} for name, value in sorted(amounts.items())]


class Framework:
    def __init__(self, master):
        self.driver = None
        self.tasks = [('ends', 'echo it has run'), ('stays', 'sleep 1000')]
        self.left = len(self.tasks)
        self.client = MesosClient(['http://' + master], frameworkName='of mesoshttp', frameworkUser='')
        for event, callback in ((MesosClient.SUBSCRIBED, self.subscribed), (MesosClient.OFFERS, self.offers),
                                (MesosClient.UPDATE, self.update), (MesosClient.ERROR, self.error)):
            self.client.on(event, callback)

    def subscribed(self, driver):
        self.driver = driver
        say('subscribed', self.client.frameworkId)

    def offers(self, offers):
        for offer in offers:
            if not self.tasks:
                # The library hands an event over when the next one comes: offers are to come again at once.
                offer.decline(AT_ONCE)
                continue
            name, command = self.tasks.pop(0)
            offer.accept([{
                'name': name, 'task_id': {'value': name}, 'agent_id': offer.get_offer()['agent_id'],
                'command': {'value': command}, 'resources': resources(cpus=0.1, mem=32),
            }], AT_ONCE)

    def update(self, update):
        status = update['status']
        task, state = status['task_id']['value'], status['state']
        say('update', task, state)
        if state == 'TASK_RUNNING' and task == 'stays':
            self.driver.kill(status['agent_id']['value'], task)
        if state in ('TASK_FINISHED', 'TASK_KILLED', 'TASK_FAILED', 'TASK_ERROR', 'TASK_LOST'):
            self.left -= 1
        if not self.left:
            self.driver.tearDown()
            self.client.stop = True

    def error(self, message):
        say('error', message)


framework = Framework(sys.argv[1])
framework.client.register()
say('ended')
