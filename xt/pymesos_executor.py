"""An executor of pymesos: says RUNNING, sends the task's data back as a message, says FINISHED."""
from threading import Thread

from pymesos import Executor, MesosExecutorDriver, decode_data, encode_data


class Echo(Executor):
    def launchTask(self, driver, task):
        def run():
            for state in ('TASK_RUNNING', 'TASK_FINISHED'):
                driver.sendStatusUpdate(dict(task_id=task['task_id'], state=state))
                if state == 'TASK_RUNNING':
                    driver.sendFrameworkMessage(encode_data(decode_data(task['data']) + b'\0\xff'))
        Thread(target=run).start()


MesosExecutorDriver(Echo()).run()
