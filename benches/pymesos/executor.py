"""The executor of benches/executor.pl for pymesos: executor.py COUNT. pymesos refuses updates while the agent is away, so they are sent then."""
import sys

from pymesos import Executor, MesosExecutorDriver


class Queueing(Executor):
    told = False

    def disconnected(self, driver):
        if not self.told:
            print('queued', flush=True)
        self.told = True

    def reregistered(self, driver, agent_info):
        for number in range(int(sys.argv[1])):
            driver.sendStatusUpdate({'task_id': {'value': 'task-%d' % number}, 'state': 'TASK_RUNNING', 'message': 'it runs'})

    def frameworkMessage(self, driver, data):
        driver.stop()


MesosExecutorDriver(Queueing()).run()
