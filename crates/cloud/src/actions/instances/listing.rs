//! The instances that a DescribeInstances tells of: found at once, shown one by one.
//!
//! What is found is a list of pointers into a snapshot, so a long answer can be made while it is sent, and costs no
//! more memory than a short one.

use std::sync::Arc;

use ec2_shapes::{DescribeInstancesRequest, Instance as InstanceShape, Reservation};
use types::ReservationId;

use super::select;
use super::shape::InstanceView;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filters, PageLimits, page};
use crate::reads::Reads;
use crate::resource::Instance;
use crate::state::Tables;
use crate::view::View;

/// Instances in the order of their reservations, and in each of their launch.
#[derive(Debug)]
pub struct InstanceListing {
    instances: std::vec::IntoIter<Arc<Instance>>,
    /// The reservation of the instance that was given last.
    current: Option<ReservationId>,
    /// The token of the next page.
    pub next_token: Option<String>,
}

impl InstanceListing {
    /// Finds what the request asks for.
    ///
    /// # Errors
    /// Those of DescribeInstances.
    pub fn find(context: &Context, view: &View<'_>, request: &DescribeInstancesRequest) -> Result<Self, ApiError> {
        let filters = Filters::new::<InstanceView<'_>>(&request.filters)?;
        let tables = view.tables();
        let matching = select(tables, &request.instance_ids)?
            .into_iter()
            .filter(|instance| filters.matches(&InstanceView::new(context, tables, instance)));
        let ids_name = (!request.instance_ids.is_empty()).then_some("instancesSet");
        let token = request.next_token.as_deref();
        let key = |instance: &&Arc<Instance>| instance.id.to_string();
        let (found, next_token) = page(matching, key, PageLimits::USUAL, request.max_results, token, ids_name)?;
        let mut instances: Vec<Arc<Instance>> = found.into_iter().cloned().collect();
        instances.sort_unstable_by_key(|instance| (instance.reservation, instance.launch_index));
        Ok(Self { instances: instances.into_iter(), current: None, next_token })
    }

    /// How many instances are still to come.
    pub fn len(&self) -> usize {
        self.instances.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next instance, and before the first one of a reservation that reservation without its instances.
    pub fn next(&mut self, context: &Context) -> Option<(Option<Reservation>, Arc<Instance>)> {
        let instance = self.instances.next()?;
        let begins = self.current.replace(instance.reservation) != Some(instance.reservation);
        let reservation = begins.then(|| reservation(context, instance.reservation, Vec::new()));
        Some((reservation, instance))
    }

    /// All that is still to come, in reservations. `tables` are those of the view that the listing was found in.
    pub(super) fn collect(mut self, context: &Context, tables: &Tables) -> Vec<Reservation> {
        let mut reservations: Vec<Reservation> = Vec::new();
        while let Some((begun, instance)) = self.next(context) {
            reservations.extend(begun);
            if let Some(reservation) = reservations.last_mut() {
                reservation.instances.push(InstanceView::new(context, tables, &instance).to_shape());
            }
        }
        reservations
    }
}

/// An instance as answers show it, and all that this was made from beside the instance's own record.
///
/// The account is the only other thing that it depends on, and that never changes.
pub fn shown_instance(context: &Context, tables: &Tables, instance: &Instance) -> (InstanceShape, Reads) {
    let account = context.account();
    Reads::noted(tables, |tables| InstanceView { account, tables, instance }.to_shape())
}

/// A reservation with these of its instances, in the order of their launch.
pub(super) fn reservation(context: &Context, id: ReservationId, mut instances: Vec<InstanceView<'_>>) -> Reservation {
    instances.sort_by_key(|view| view.instance.launch_index);
    Reservation {
        instances: instances.into_iter().map(InstanceView::to_shape).collect(),
        owner_id: Some(context.account().to_string()),
        reservation_id: Some(id.to_string()),
        ..Reservation::default()
    }
}
