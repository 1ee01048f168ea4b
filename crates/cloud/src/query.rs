//! What all describing actions share: filters, pages, and looking resources up by id.

mod filter;
mod ids;
mod list;
mod page;

pub use filter::{Filterable, Filters, wildcard_matches};
pub use ids::{find, find_all, not_found, parse_id};
pub use list::{Listing, get, list, rows};
pub use page::{PageLimits, page};
