//! What the unit tests of actions share.

use std::sync::Arc;

use types::Timestamp;

use crate::context::{Config, Context};
use crate::seed::seed_region;
use crate::state::State;
use crate::transaction::Transaction;

/// A context in us-east-1 at this moment.
pub(crate) fn context_at(now: Timestamp) -> Context {
    let config = Config {
        account: "123456789012".parse().expect("twelve digits"),
        public_pool: "198.18.0.0/16".parse().expect("a CIDR"),
        max_instances: Config::DEFAULT_MAX_INSTANCES,
        quotas: crate::quotas::Quotas::default(),
    };
    let region = "us-east-1".parse().expect("a region");
    let seed = now.unix_ms.unsigned_abs();
    Context::new(Arc::new(config), region, "AKIATEST".to_owned(), "request".to_owned(), now, seed)
}

/// A context and the State with the context's region freshly set up.
pub(crate) fn seeded() -> (Context, State) {
    let context = context_at(Timestamp::from_unix_ms(1_700_000_000_000));
    let mut tx = Transaction::new(&State::default(), context.region.clone());
    seed_region(&context, &mut tx);
    let (_, state) = tx.finish();
    (context, state)
}

/// A filter of a request.
pub(crate) fn filter(name: &str, values: &[&str]) -> ec2_shapes::Filter {
    ec2_shapes::Filter { name: Some(name.to_owned()), values: values.iter().map(|value| (*value).to_owned()).collect() }
}

/// A tag specification of a request.
pub(crate) fn specification(resource_type: &str, tags: &[(&str, &str)]) -> ec2_shapes::TagSpecification {
    ec2_shapes::TagSpecification { resource_type: Some(resource_type.to_owned()), tags: shape_tags(tags) }
}

/// Tags of a request.
pub(crate) fn shape_tags(tags: &[(&str, &str)]) -> Vec<ec2_shapes::Tag> {
    let tag = |(key, value): &(&str, &str)| ec2_shapes::Tag {
        key: Some((*key).to_owned()),
        value: Some((*value).to_owned()),
    };
    tags.iter().map(tag).collect()
}
