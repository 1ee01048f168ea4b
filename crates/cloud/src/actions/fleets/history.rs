//! What both kinds of fleets are asked: which instances they have, and what happened.

use ec2_shapes::{ActiveInstance, EventInformation, Filter, InstanceHealthStatus};

use super::engine::present;
use crate::error::ApiError;
use crate::query::{Filterable, Filters, Listing, PageLimits, page, rows};
use crate::resource::{FleetEvent, FleetEventKind, FleetRun, Tags};
use crate::state::Tables;

const LIMITS: PageLimits = PageLimits { min: 1, max: 1_000 };

impl Filterable for ActiveInstance {
    const NAMES: &'static [&'static str] = &["instance-type"];

    fn values(&self, _: &str, found: &mut dyn FnMut(&str)) {
        self.instance_type.iter().for_each(|value| found(value));
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}

/// The instances of a fleet that are there. All are healthy, as all status checks here pass.
pub(super) fn instances(
    tables: &Tables,
    run: &FleetRun,
    filters: &[Filter],
    max_results: Option<i32>,
    next_token: Option<&str>,
) -> Result<(Vec<ActiveInstance>, Option<String>), ApiError> {
    let checked = Filters::new::<ActiveInstance>(filters)?;
    let mut found: Vec<_> = present(tables, run).filter_map(|member| tables.instances.get(&member.instance)).collect();
    found.sort_by_key(|instance| instance.id);
    let shown = found.into_iter().map(|instance| {
        let id = instance.id.to_string();
        let active = ActiveInstance {
            instance_health: Some(InstanceHealthStatus::Healthy),
            instance_id: Some(id.clone()),
            instance_type: Some(instance.instance_type.to_string()),
            spot_instance_request_id: instance.options.spot_request.map(|id| id.to_string()),
        };
        (id, active)
    });
    let asked = Listing { limits: LIMITS, ..Listing::paged(&[], filters, max_results, next_token) };
    rows(shown, &checked, asked)
}

/// The events of a fleet since a moment, of the wanted kinds, in order.
pub(super) fn events<'a>(
    run: &'a FleetRun,
    is_wanted: impl Fn(FleetEventKind) -> bool,
    since: ec2_shapes::Timestamp,
    max_results: Option<i32>,
    next_token: Option<&str>,
) -> Result<(Vec<&'a FleetEvent>, Option<String>), ApiError> {
    let found = run.events.iter().filter(|event| event.at.unix_ms >= since.unix_ms && is_wanted(event.kind));
    // Pages go by the order of texts.
    page(found, |event| format!("{:020}", event.number), LIMITS, max_results, next_token, None)
}

/// An event as answers show it.
pub(super) fn information(event: &FleetEvent) -> EventInformation {
    EventInformation {
        event_description: event.description.clone(),
        event_sub_type: Some(event.sub_type.clone()),
        instance_id: event.instance.map(|id| id.to_string()),
    }
}
