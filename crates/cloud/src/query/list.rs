//! What nearly every describing action does: look up ids, filter, give a page.

use std::sync::Arc;

use ec2_shapes::Filter;

use super::{Filterable, Filters, PageLimits, find, page};
use crate::error::ApiError;
use crate::kind::Resource;
use crate::state::Tables;

/// What a request asks to be listed.
#[derive(Debug, Clone, Copy)]
pub struct Listing<'r> {
    /// Only these; all where none is named.
    pub ids: &'r [String],
    /// What the list of ids is called in errors; where there is a name, ids exclude `MaxResults`.
    pub ids_name: Option<&'static str>,
    /// Only what passes these.
    pub filters: &'r [Filter],
    /// `MaxResults`.
    pub max_results: Option<i32>,
    /// `NextToken`.
    pub next_token: Option<&'r str>,
    /// What `MaxResults` may be.
    pub limits: PageLimits,
}

impl<'r> Listing<'r> {
    /// A request with ids and filters that knows no pages.
    pub fn whole(ids: &'r [String], filters: &'r [Filter]) -> Self {
        Self { ids, ids_name: None, filters, max_results: None, next_token: None, limits: PageLimits::USUAL }
    }

    /// A request with the usual pages of 5 to 1,000.
    pub fn paged(
        ids: &'r [String],
        filters: &'r [Filter],
        max_results: Option<i32>,
        next_token: Option<&'r str>,
    ) -> Self {
        Self { max_results, next_token, ..Self::whole(ids, filters) }
    }

    /// The same with other limits of `MaxResults`.
    pub fn limits(self, min: i32, max: i32) -> Self {
        Self { limits: PageLimits { min, max }, ..self }
    }
}

/// The rows of one page, in the order of their ids, and the token of the next.
///
/// `row` makes of a resource what filters look at and answers are made from.
///
/// # Errors
/// The kind's own for a malformed or unknown id; for filters and pages as [`Filters::new`] and [`page`].
pub fn list<'a, R: Resource, V: Filterable>(
    tables: &'a Tables,
    asked: Listing<'_>,
    row: impl Fn(&'a R) -> V,
) -> Result<(Vec<V>, Option<String>), ApiError> {
    let filters = Filters::new::<V>(asked.filters)?;
    let found = find::<R>(tables, asked.ids)?;
    rows(found.into_iter().map(|(id, resource)| (id.to_string(), row(resource))), &filters, asked)
}

/// The page of these rows, each with the id that pages go by; for resources that do not lie in a table of their own.
///
/// # Errors
/// For pages as [`page`].
pub fn rows<V: Filterable>(
    rows: impl Iterator<Item = (String, V)>,
    filters: &Filters<'_>,
    asked: Listing<'_>,
) -> Result<(Vec<V>, Option<String>), ApiError> {
    let (rows, token) = page(
        rows.filter(|(_, row)| filters.matches(row)),
        |(id, _)| id.clone(),
        asked.limits,
        asked.max_results,
        asked.next_token,
        asked.ids_name.filter(|_| !asked.ids.is_empty()),
    )?;
    Ok((rows.into_iter().map(|(_, row)| row).collect(), token))
}

/// The resource with this id.
///
/// # Errors
/// The kind's own for a malformed or unknown id.
pub fn get<'a, R: Resource>(tables: &'a Tables, text: &str) -> Result<&'a Arc<R>, ApiError> {
    let id: R::Id = text.parse().map_err(|_| R::KIND.malformed(text))?;
    R::table(tables).get(&id).ok_or_else(|| R::KIND.not_found(&[text]))
}
