//! Actions on their way: each answers with EC2's own error until its family has it.

use crate::context::Context;
use crate::error::ApiError;
use crate::transaction::Transaction;
use crate::view::View;

/// Functions that refuse.
macro_rules! pending {
    ($($kind:ident $function:ident $input:ident -> $output:ty;)*) => {$(
        pub(in crate::actions) fn $function(
            _: &Context,
            _: crate::actions::pending::cloud!($kind),
            _: ec2_shapes::$input,
        ) -> Result<$output, ApiError> {
            Err(ApiError::new("UnsupportedOperation", concat!("The action is not answered yet: ", stringify!($function))))
        }
    )*};
}

macro_rules! cloud {
    (Read) => { &View<'_> };
    (Write) => { &mut Transaction };
}
pub(crate) use cloud;

pub(in crate::actions) mod fleet;
