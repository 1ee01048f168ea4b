//! Actions on their way.

use ec2_shapes::*;

use crate::context::Context;
use crate::error::ApiError;
use crate::transaction::Transaction;
use crate::view::View;
