"""The executor of xt/clients/pymesos_framework.py. It says of each task what data it had, answers messages, and ends a task when it is told to."""
from pymesos import Executor, MesosExecutorDriver, decode_data, encode_data


class Obeying(Executor):
    def registered(self, driver, executor_info, framework_info, agent_info):
        print('registered', framework_info['name'], flush=True)

    def launchTask(self, driver, task):
        self.update(driver, task['task_id'], 'TASK_RUNNING', decode_data(task['data']).decode())

    def killTask(self, driver, task_id):
        self.update(driver, task_id, 'TASK_KILLED', 'as was wanted')

    def frameworkMessage(self, driver, data):
        text = decode_data(data).decode()
        if text.startswith('finish '):
            self.update(driver, {'value': text[len('finish '):]}, 'TASK_FINISHED', 'as was said')
        else:
            driver.sendFrameworkMessage(encode_data(text.upper().encode()))

    def shutdown(self, driver):
        print('shutdown', flush=True)

    def update(self, driver, task_id, state, message):
        driver.sendStatusUpdate({'task_id': task_id, 'state': state, 'message': message})


driver = MesosExecutorDriver(Obeying())
driver.run()
