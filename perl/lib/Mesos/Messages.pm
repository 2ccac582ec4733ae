package Mesos::Messages; @Mesos::TaskID::ISA=(); package Mesos::Status; sub DRIVER_RUNNING {2} sub DRIVER_STOPPED {4} 1;
