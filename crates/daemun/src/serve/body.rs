//! Bodies of answers: whole, or, for long lists of instances, put together while they are sent.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use bytes::{Buf, Bytes};
use cloud::actions::InstanceListing;
use cloud::{Context, State};
use ec2_shapes::DescribeInstancesResult;
use ec2_wire::InstancePieces;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use super::shown::Shown;

/// How large a piece is before it is sent, in bytes.
const PIECE_BYTES: usize = 128 << 10;

/// The body of an answer.
pub(super) enum Body {
    /// All of it; `None` once it is sent.
    Whole(Option<Piece>),
    /// What DescribeInstances tells; `None` once it is sent.
    Instances(Option<Box<InstanceBody>>),
}

impl From<Vec<u8>> for Body {
    fn from(document: Vec<u8>) -> Self {
        Self::Whole(Some(Bytes::from(document).into()))
    }
}

impl From<InstanceBody> for Body {
    /// A short answer is written at once, so that its length can be told.
    fn from(mut body: InstanceBody) -> Self {
        let piece = body.piece();
        if body.pieces.is_none() {
            return Self::Whole(Some(piece));
        }
        body.first = Some(piece);
        Self::Instances(Some(Box::new(body)))
    }
}

impl HttpBody for Body {
    type Data = Piece;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Option<Result<Frame<Piece>, Infallible>>> {
        let piece = match &mut *self {
            Self::Whole(document) => document.take(),
            Self::Instances(rest) => rest.take().map(|mut body| {
                let piece = body.first.take().unwrap_or_else(|| body.piece());
                *rest = body.pieces.is_some().then_some(body);
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
            Self::Whole(document) => SizeHint::with_exact(document.as_ref().map_or(0, |piece| piece.len as u64)),
            Self::Instances(_) => SizeHint::default(),
        }
    }
}

/// A piece of a body: texts that may be kept elsewhere, too, and are sent from where they are.
#[derive(Default)]
pub(super) struct Piece {
    texts: VecDeque<Bytes>,
    /// The length of them all.
    len: usize,
}

impl Piece {
    fn push(&mut self, text: Bytes) {
        if !text.is_empty() {
            self.len += text.len();
            self.texts.push_back(text);
        }
    }
}

impl From<Bytes> for Piece {
    fn from(text: Bytes) -> Self {
        let mut piece = Self::default();
        piece.push(text);
        piece
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.len
    }

    fn chunk(&self) -> &[u8] {
        self.texts.front().map_or(&[], |text| text)
    }

    fn advance(&mut self, mut count: usize) {
        self.len -= count;
        while let Some(first) = self.texts.front_mut()
            && count > 0
        {
            let of_first = count.min(first.len());
            first.advance(of_first);
            count -= of_first;
            if first.is_empty() {
                self.texts.pop_front();
            }
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let slots = slices.iter_mut().zip(&self.texts);
        slots.map(|(slice, text)| *slice = IoSlice::new(text)).count()
    }
}

/// Instances on their way: a snapshot of the cloud, and where in it the answer is.
pub(super) struct InstanceBody {
    state: Arc<State>,
    context: Context,
    listing: InstanceListing,
    shown: Arc<Shown>,
    /// What is around the instances; `None` once all of it is written.
    pieces: Option<InstancePieces>,
    /// The first piece, where it is written before it is asked for.
    first: Option<Piece>,
}

impl InstanceBody {
    /// The answer that tells of these instances, which were found in this State.
    pub(super) fn new(state: Arc<State>, context: Context, mut listing: InstanceListing, shown: Arc<Shown>) -> Self {
        let rest = DescribeInstancesResult { next_token: listing.next_token.take(), reservations: Vec::new() };
        let pieces = Some(InstancePieces::new(rest, &context.request_id));
        Self { state, context, listing, shown, pieces, first: None }
    }

    /// Puts instances together until there is enough for a piece, or none is left.
    fn piece(&mut self) -> Piece {
        let mut piece = Piece::default();
        let Some(pieces) = &mut self.pieces else { return piece };
        while piece.len < PIECE_BYTES
            && let Some((begun, instance)) = self.listing.next(&self.context)
        {
            if let Some(reservation) = begun {
                pieces.reservation(reservation);
            }
            piece.push(pieces.take().into());
            piece.push(self.shown.xml(&self.context, &self.state, &instance));
        }
        if self.listing.is_empty() {
            piece.push(self.pieces.take().map(InstancePieces::finish).unwrap_or_default().into());
        }
        piece
    }
}

#[cfg(test)]
mod tests;
