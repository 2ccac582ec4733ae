//! Resources by the rules of Mesos 1.11: amounts, items, bags of them, and what makes them valid.
//!
//! | what | module |
//! |---|---|
//! | how much: arithmetic in fixed point | `amount` |
//! | what an item is: its reservations and its volume, in the old and the new spelling | `item` |
//! | roles, and which is below which | `role` |
//! | many items, added and subtracted | `bag` |
//! | what an operation makes of them | `conversion` |
//! | what Mesos refuses | `validate` |
//! | names that are probably misspelt | `misnamed` |
//! | what Perl asks for, one action at a time | `reckon` |
//! | the texts of settings, and those in messages | `text`, `display` |

mod amount;
mod bag;
pub mod conversion;
mod display;
pub mod item;
pub mod misnamed;
pub mod reckon;
pub mod role;
#[cfg(test)]
mod tests;
pub mod text;
mod validate;

pub use amount::{coalesce, thousandths};
pub use bag::Resources;
pub use display::{amount_text, item_text, items_text, to_text};
pub use validate::{check_id, validate, validate_disks, validate_item, validate_reservations};
