//! The classes that drivers put into events.

use super::ClassId;

pub const FRAMEWORK_ID: ClassId = ClassId(0);
pub const MASTER_INFO: ClassId = ClassId(1);
pub const OFFER: ClassId = ClassId(2);
pub const OFFER_ID: ClassId = ClassId(3);
pub const TASK_STATUS: ClassId = ClassId(4);
pub const EXECUTOR_ID: ClassId = ClassId(5);
pub const SLAVE_ID: ClassId = ClassId(6);
pub const EXECUTOR_INFO: ClassId = ClassId(7);
pub const FRAMEWORK_INFO: ClassId = ClassId(8);
pub const SLAVE_INFO: ClassId = ClassId(9);
pub const TASK_INFO: ClassId = ClassId(10);
pub const TASK_ID: ClassId = ClassId(11);
