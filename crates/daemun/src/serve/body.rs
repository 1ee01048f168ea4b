//! Bodies of answers: whole, or, for long lists of instances, written while they are sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use bytes::Bytes;
use cloud::actions::InstanceListing;
use cloud::{Context, State};
use ec2_shapes::DescribeInstancesResult;
use ec2_wire::InstancePieces;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

/// How large a piece is before it is sent, in bytes.
const PIECE_BYTES: usize = 64 << 10;

/// The body of an answer.
pub(super) enum Body {
    /// All of it; `None` once it is sent.
    Whole(Option<Bytes>),
    /// What DescribeInstances tells; `None` once it is sent.
    Instances(Option<Box<InstanceBody>>),
}

impl From<Vec<u8>> for Body {
    fn from(document: Vec<u8>) -> Self {
        Self::Whole(Some(document.into()))
    }
}

impl From<InstanceBody> for Body {
    /// A short answer is written at once, so that its length can be told.
    fn from(mut body: InstanceBody) -> Self {
        body.fill();
        if body.listing.is_empty() { Self::from(body.pieces.finish()) } else { Self::Instances(Some(Box::new(body))) }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match &mut *self {
            Self::Whole(document) => document.take(),
            Self::Instances(rest) => rest.take().map(|mut body| {
                body.fill();
                if body.listing.is_empty() {
                    return body.pieces.finish().into();
                }
                let piece = body.pieces.take().into();
                *rest = Some(body);
                piece
            }),
        };
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None) | Self::Instances(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(document) => SizeHint::with_exact(document.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Instances(_) => SizeHint::default(),
        }
    }
}

/// Instances on their way: a snapshot of the cloud, and where in it the answer is.
pub(super) struct InstanceBody {
    state: Arc<State>,
    context: Context,
    listing: InstanceListing,
    pieces: InstancePieces,
}

impl InstanceBody {
    /// The answer that tells of these instances, which were found in this State.
    pub(super) fn new(state: Arc<State>, context: Context, mut listing: InstanceListing) -> Self {
        let rest = DescribeInstancesResult { next_token: listing.next_token.take(), reservations: Vec::new() };
        let pieces = InstancePieces::new(rest, &context.request_id);
        Self { state, context, listing, pieces }
    }

    /// Writes instances until there is enough for a piece, or none is left.
    fn fill(&mut self) {
        let Some(tables) = self.state.regions.get(&self.context.region) else { return };
        while self.pieces.len() < PIECE_BYTES {
            let Some((begun, instance)) = self.listing.next(&self.context, tables) else { return };
            if let Some(reservation) = begun {
                self.pieces.reservation(reservation);
            }
            self.pieces.instance(&instance);
        }
    }
}
