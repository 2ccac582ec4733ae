"""A framework of pymesos: MASTER, and the command of its executor. Prints what happened to a command and a task of that executor."""
import sys

from pymesos import MesosSchedulerDriver, Scheduler, decode_data, encode_data

MASTER, COMMAND = sys.argv[1:3]


def resources(cpus):
    return [dict(name=name, type='SCALAR', scalar=dict(value=value)) for name, value in (('cpus', cpus), ('mem', 32))]


class Two(Scheduler):
    def __init__(self):
        self.launched, self.states, self.messages = False, {}, []

    def resourceOffers(self, driver, offers):
        if self.launched:
            return driver.declineOffer([offer['id'] for offer in offers])
        self.launched = True
        agent = offers[0]['agent_id']
        executor = dict(executor_id=dict(value='e'), type='CUSTOM', command=dict(value=COMMAND), resources=resources(0.1))
        own = dict(task_id=dict(value='own'), name='own', agent_id=agent, executor=executor, resources=resources(0.1),
                   data=encode_data(b'data'))
        command = dict(task_id=dict(value='command'), name='command', agent_id=agent, command=dict(value='exit 3'), resources=resources(0.1))
        driver.launchTasks(offers[0]['id'], [own, command])

    def frameworkMessage(self, driver, executor_id, agent_id, data):
        self.messages.append(decode_data(data))
        self.perhaps_stop(driver)

    def statusUpdate(self, driver, status):
        states = self.states.setdefault(status['task_id']['value'], [])
        if status['state'] not in states[-1:]:
            states.append(status['state'])
        self.perhaps_stop(driver)

    def perhaps_stop(self, driver):
        ends = [states[-1] for states in self.states.values()]
        if sorted(ends) == ['TASK_FAILED', 'TASK_FINISHED'] and self.messages:
            driver.stop()


two = Two()
MesosSchedulerDriver(two, dict(user='', name='pymesos'), MASTER).run()
for name in sorted(two.states):
    print(name, *two.states[name])
print(two.messages)
