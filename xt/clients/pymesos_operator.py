"""The operator's side of pymesos for xt/clients.t: pymesos_operator.py HOST:PORT. A line of standard input is a method and a JSON array of its
arguments. What it returns, and the events of the master, are lines of JSON on standard output."""
import json
import logging
import os
import sys

from pymesos import MesosOperatorMasterDriver, OperatorMaster

# It tells of events that it does not understand in its log only.
logging.basicConfig(level=logging.WARNING, stream=sys.stderr)


def say(*what):
    # At once: print writes a line and its end apart, and another thread may come between them.
    os.write(sys.stdout.fileno(), (json.dumps(what) + '\n').encode())


class Telling(OperatorMaster):
    def taskAdded(self, task):
        say('task added', task['name'], task['state'])

    def taskUpdated(self, update):
        say('task updated', update['state'], update['status']['task_id']['value'])

    def frameworkAdded(self, framework):
        say('framework added', framework['framework_info']['name'])

    def frameworkUpdated(self, framework):
        say('framework updated', framework['framework_info']['name'])

    def frameworkRemoved(self, info):
        say('framework removed', info['name'])

    def agentAdded(self, agent):
        say('agent added', agent['agent_info']['id']['value'])

    def agentRemoved(self, agent_id):
        say('agent removed', agent_id)


class Driver(MesosOperatorMasterDriver):
    def on_subscribed(self, info):
        super(Driver, self).on_subscribed(info)
        say('subscribed', sorted(info['get_state']))


driver = Driver(sys.argv[1], Telling())
driver.start()
for line in sys.stdin:
    method, _, arguments = line.rstrip('\n').partition(' ')
    if method == 'stop':
        break
    try:
        say('answer', method, getattr(driver, method)(*json.loads(arguments or '[]')))
    except Exception as error:
        say('refused', method, str(error))
driver.stop()
driver.join()
say('ended')
