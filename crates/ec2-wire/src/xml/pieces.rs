//! A long answer, written piece by piece: who asked reads its beginning while its end is not yet written.
//!
//! Only DescribeInstances is ever that long. What comes out, put together, is byte for byte what [`super::encode`]
//! writes of the whole answer.

use ec2_shapes::{DescribeInstancesResult, Instance, Reservation, Response};

use super::value::ToXml as _;
use super::writer::Writer;

/// Room for one instance, in bytes: more than most need.
const ROOM: usize = 6 << 10;

/// An instance as it stands in the list of a reservation.
pub fn instance_item(instance: &Instance) -> Vec<u8> {
    let mut out = Writer::continued_with_capacity(ROOM);
    instance.to_xml("item", &mut out);
    out.finish()
}

/// An answer of DescribeInstances on its way: what is around its instances.
pub struct InstancePieces {
    out: Writer,
    /// What ends the reservation that is open.
    reservation_end: Option<String>,
    /// What ends the answer.
    end: String,
}

impl InstancePieces {
    /// Begins an answer; all of `rest` is written but its reservations, which come one by one.
    pub fn new(rest: DescribeInstancesResult, request_id: &str) -> Self {
        let rest = DescribeInstancesResult { reservations: Vec::new(), ..rest };
        let text = super::encode_text(&Response::DescribeInstances(Box::new(rest)), request_id);
        let (start, end) = around_list(&text, "reservationSet");
        let mut out = Writer::continued();
        out.raw(&start);
        Self { out, reservation_end: None, end }
    }

    /// Begins a reservation, ending the one before; after what is then taken come its instances, each as
    /// [`instance_item`].
    pub fn reservation(&mut self, reservation: Reservation) {
        self.end_reservation();
        let mut item = Writer::continued();
        Reservation { instances: Vec::new(), ..reservation }.to_xml("item", &mut item);
        let (start, end) = around_list(&item.into_text(), "instancesSet");
        self.out.raw(&start);
        self.reservation_end = Some(end);
    }

    /// Takes what is written so far.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out).finish()
    }

    /// Ends the answer and takes the rest of it.
    pub fn finish(mut self) -> Vec<u8> {
        self.end_reservation();
        self.out.raw(&self.end);
        self.out.finish()
    }

    fn end_reservation(&mut self) {
        if let Some(end) = self.reservation_end.take() {
            self.out.raw(&end);
        }
    }
}

/// What stands before and after the items of a list that is empty in `text`, so that items can be put between.
///
/// The first empty element of that name is the list: a text cannot hold `<`.
fn around_list(text: &str, list: &str) -> (String, String) {
    match text.split_once(&format!("<{list}/>")) {
        Some((before, after)) => (format!("{before}<{list}>"), format!("</{list}>{after}")),
        None => (text.to_owned(), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use ec2_shapes::{Action, Tag};

    use super::*;
    use crate::draw::{Draw, Drawn, Told};

    fn in_pieces(answer: &DescribeInstancesResult) -> Vec<u8> {
        let mut pieces = InstancePieces::new(answer.clone(), "id");
        let mut document = pieces.take();
        for reservation in &answer.reservations {
            pieces.reservation(reservation.clone());
            for instance in &reservation.instances {
                document.extend(pieces.take());
                document.extend(instance_item(instance));
            }
        }
        document.extend(pieces.finish());
        document
    }

    #[test]
    fn the_pieces_are_the_whole() {
        for seed in 0..60 {
            let mut draw = Draw::new(seed);
            let instances =
                |draw: &mut Draw| (0..draw.number() % 3 + 1).map(|_| <Instance as Drawn<Told>>::drawn(draw)).collect();
            let reservation =
                |draw: &mut Draw| Reservation { instances: instances(draw), ..Drawn::<Told>::drawn(draw) };
            let reservations = (0..draw.number() % 4 + 1).map(|_| reservation(&mut draw)).collect();
            let answer = DescribeInstancesResult { next_token: Drawn::<Told>::drawn(&mut draw), reservations };
            let whole = super::super::encode(&Response::DescribeInstances(Box::new(answer.clone())), "id");
            assert_eq!(
                String::from_utf8(in_pieces(&answer)).unwrap(),
                String::from_utf8(whole).unwrap(),
                "seed {seed}"
            );
        }
    }

    #[test]
    fn nothing_at_all_is_an_empty_list() {
        let empty = DescribeInstancesResult::default();
        let document = in_pieces(&empty);
        let read = super::super::decode_response(Action::DescribeInstances, &document).unwrap();
        assert_eq!(read, Response::DescribeInstances(Box::new(empty)));
    }

    #[test]
    fn text_does_not_pass_for_a_list() {
        let tag = Tag { key: Some("<instancesSet/>".to_owned()), value: Some("<reservationSet/>".to_owned()) };
        let instance = Instance { tags: vec![tag], ..Instance::default() };
        let reservation = Reservation {
            owner_id: Some("<instancesSet/>".to_owned()),
            instances: vec![instance.clone(), instance],
            ..Reservation::default()
        };
        let answer = DescribeInstancesResult {
            next_token: Some("<reservationSet/>".to_owned()),
            reservations: vec![reservation],
        };
        let whole = super::super::encode(&Response::DescribeInstances(Box::new(answer.clone())), "id");
        assert_eq!(in_pieces(&answer), whole);
    }
}
